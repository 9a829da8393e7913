// Audit: who has changed what, and whether what says so is whole.

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import type { Timestamp } from '@bufbuild/protobuf/wkt';
import type { Command } from 'commander';
import { Fault } from '#internal/errors/errors.ts';
import type { AuditLine } from '#internal/gen/pop44/v1/audit_pb.ts';
import { UsageError, Unfinished } from './io.ts';
import { type Column, timeText } from './layout.ts';
import { count, moment } from './parse.ts';
import type { Session } from './session.ts';

const columns: readonly Column<AuditLine>[] = [
  ['when', ({ at }) => (at === undefined ? '' : timeText(at))],
  ['by', ({ principal }) => principal || '-'],
  ['from', ({ source }) => source || '-'],
  ['method', ({ method }) => method.replace(/^\/pop44\.v1\./, '')],
  ['result', ({ refused, count: times }) => (refused === '' ? 'done' : `refused ${times} times: ${refused}`)],
  [
    'changes',
    ({ changes }) => `${changes.slice(0, 4).join(', ')}${changes.length > 4 ? `, ${changes.length - 4} more` : ''}`,
  ],
  ['revision', ({ revision }) => String(revision)],
];

interface ListOptions {
  readonly by: string;
  readonly object: string;
  readonly since?: Timestamp;
  readonly until?: Timestamp;
  readonly limit: number;
}

/** Of one chain at a time may be trimmed, at most so many in a request. */
const chainsAtOnce = 40;

export function auditVerbs(audit: Command, session: Session): void {
  audit
    .command('list')
    .description('show changes, the newest first')
    .option('--by <principal>', 'of this one alone: a callsign, user/ID, admin/NAME or node/ID', '')
    .option('--object <text>', 'of what has this in its name: tunnel/ab12, user/3f2a8c1b9d04', '')
    .option('--since <time>', '2026-11-25T14:05:00Z, or a day', moment)
    .option('--until <time>', 'the same', moment)
    .option('--limit <count>', 'lines at most; default: 100', count, 100)
    .action(async ({ by, object, since, until, limit }: ListOptions) => {
      const { audit: service } = await session.client();
      const lines: AuditLine[] = [];
      let pageToken = '';
      do {
        const page = { pageSize: Math.min(1_000, limit - lines.length), pageToken };
        const answer = await service.listAudit({
          by,
          object,
          ...(since && { since }),
          ...(until && { until }),
          ...page,
        });
        lines.push(...answer.lines);
        pageToken = answer.nextPageToken;
      } while (pageToken !== '' && lines.length < limit);
      await session.list(lines.slice(0, limit), columns);
    });
  audit
    .command('verify')
    .description('look whether every chain of records is whole, and as daemons have signed it; exit 1 when one is not')
    .action(async () => {
      const { audit: service } = await session.client();
      const answer = await service.verifyAudit({}, { deadlineMs: 120_000 });
      await session.done(answer, `${answer.records} records in ${answer.chains} chains`);
      for (const { nodeId, at, chains } of answer.signers) {
        const what =
          at === undefined ? 'has signed nothing' : `has signed the ends of ${chains} chains at ${timeText(at)}`;
        session.say(`  ${nodeId} ${what}`);
      }
      for (const problem of answer.problems) session.say(`  ${problem}`);
      if (answer.problems.length > 0) throw new Unfinished(`${answer.problems.length} things are not as they were`);
    });
  audit
    .command('export')
    .argument('<file>', 'a line of JSON for each record; - for standard output')
    .description('write all records out')
    .option('--trim', 'and take away what was written, once it is on the disk')
    .action(async (file: string, { trim }: { readonly trim?: boolean }) => {
      if (file === '-' && trim === true) throw new UsageError('--trim wants a file: a pipe may lose what it is given');
      const last = await exported(session, file);
      if (trim !== true) return;
      const { audit: service } = await session.client();
      let removed = 0n;
      const chains = [...last.values()];
      for (let at = 0; at < chains.length; at += chainsAtOnce)
        removed += (await service.trimAudit({ chains: chains.slice(at, at + chainsAtOnce) }, { deadlineMs: 60_000 }))
          .removed;
      session.say(`${removed} records taken away`);
    });
}

/** The last record of each chain. Throws UsageError for a file that is there, Fault `file`. */
async function exported(session: Session, file: string) {
  const { audit: service } = await session.client();
  const last = new Map<string, { readonly key: string; readonly hash: Uint8Array }>();
  const out = file === '-' ? undefined : createWriteStream(file, { flags: 'wx', mode: 0o600, flush: true });
  try {
    if (out !== undefined) await once(out, 'open');
  } catch (thrown) {
    throw new UsageError(`${file} cannot be written: ${thrown instanceof Error ? thrown.message : ''}`);
  }
  const failed = new Promise<never>((_, reject) => {
    out?.on('error', (cause) => reject(new Fault('file', `${file} cannot be written: ${cause.message}`, cause)));
  });
  failed.catch(() => undefined);
  let records = 0;
  for await (const answer of service.exportAudit({})) {
    for (const { key, value, revision } of answer.records) {
      const line = `${JSON.stringify({ key, revision: String(revision), value: Buffer.from(value).toString('base64') })}\n`;
      if (out === undefined) session.print(line);
      else if (!out.write(line)) await Promise.race([once(out, 'drain'), failed]);
      records += 1;
      last.set(key.slice(0, key.lastIndexOf('/')), { key, hash: createHash('sha256').update(value).digest() });
    }
  }
  if (out !== undefined) {
    out.end();
    await Promise.race([once(out, 'close'), failed]);
  }
  session.say(`${records} records of ${last.size} chains written`);
  return last;
}
