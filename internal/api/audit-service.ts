// Audit service: who has changed what, whether the chains that say so are whole, and their way out of the store.

import type { MessageInitShape } from '@bufbuild/protobuf';
import { create } from '@bufbuild/protobuf';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import { isRefusal, type Refusal, refuse } from '#internal/errors/errors.ts';
import type { AuditEntry } from '#internal/gen/pop44/store/v1/records_pb.ts';
import {
  type AuditLineSchema,
  AuditService,
  type ListAuditRequest,
  TrimAuditResponseSchema,
} from '#internal/gen/pop44/v1/audit_pb.ts';
import { certificatesOf } from '#internal/identity/identity.ts';
import { findUser, ownerOf } from '#internal/people/people.ts';
import { principalName, Refused } from '#internal/rpc/rpc.ts';
import { type AuditRecord, auditProblems, decodeAudit } from '#internal/store/store.ts';
import { openStatements, vouchedFor } from '#internal/vouching/vouching.ts';
import { peopleOf } from './changing-people.ts';
import { granted, type HandlersOf, type ServiceContext } from './service.ts';

type Line = MessageInitShape<typeof AuditLineSchema>;

const usualLines = 100;
const mostLines = 1_000;
/** Records that are read at once, and for one answer at most: a filter that finds little goes on with the next page. */
const atOnce = 100;
const mostRead = 10_000;
/** Records a message of an export: of 300 bytes to some kB each. */
const inAMessage = 200;
const mostChains = 40;
/** Clocks of daemons differ; revisions do not. */
const clockSlackMs = 300_000;

const tokenOf = (revision: bigint): string => Buffer.from(`before ${revision}`).toString('base64url');

function askedPage({ pageSize, pageToken }: ListAuditRequest): { readonly size: number; readonly before?: bigint } {
  if (pageSize > mostLines) {
    const cure = `1 to ${mostLines}, or 0 for ${usualLines}`;
    throw new Refused(
      refuse('invalid', { field: 'page_size', value: String(pageSize), problem: 'is too large', cure }),
    );
  }
  const size = pageSize === 0 ? usualLines : pageSize;
  if (pageToken === '') return { size };
  const revision = /^before ([0-9]{1,19})$/.exec(Buffer.from(pageToken, 'base64url').toString())?.[1];
  if (revision !== undefined) return { size, before: BigInt(revision) };
  const cure = 'the next_page_token of the page before, or nothing for the first';
  throw new Refused(refuse('invalid', { field: 'page_token', value: pageToken, problem: 'is no page token', cure }));
}

/** A principal as it is written down, of whatever names it. */
function principalOf({ people }: ServiceContext, by: string): string {
  const known = people.snapshot();
  const user = known === undefined || by === '' ? undefined : findUser(known, by);
  return user === undefined || isRefusal(user) ? by : ownerOf(user.record.id);
}

const lineOf = ({ revision }: AuditRecord, nodeId: string, at: Line['at'], entry: AuditEntry): Line => {
  const { principal, method, changes, requestId, source, refused, count } = entry;
  return { ...(at && { at }), revision, principal, method, changes, requestId, nodeId, source, refused, count };
};

async function listed(context: ServiceContext, request: ListAuditRequest) {
  const { size, before: first } = askedPage(request);
  const by = principalOf(context, request.by);
  const sinceMs = request.since === undefined ? 0 : timestampMs(request.since);
  const untilMs = request.until === undefined ? Infinity : timestampMs(request.until);
  const wanted = (entry: AuditEntry): boolean =>
    (by === '' || entry.principal === by) &&
    (request.object === '' || entry.changes.some((change) => change.includes(request.object)));
  const lines: Line[] = [];
  const newest = await context.store.newestAudit(mostRead, first);
  for (let at = 0; at < newest.length; at += atOnce) {
    for (const record of await context.store.auditRecords(newest.slice(at, at + atOnce).map(({ key }) => key))) {
      const audit = decodeAudit(record.value);
      const before = record.revision;
      if (audit === undefined) continue;
      const atMs = audit.at === undefined ? 0 : timestampMs(audit.at);
      if (atMs < sinceMs - clockSlackMs) return { lines, nextPageToken: '' };
      if (atMs < sinceMs || atMs > untilMs) continue;
      for (const entry of audit.entries) if (wanted(entry)) lines.push(lineOf(record, audit.nodeId, audit.at, entry));
      if (lines.length >= size) return { lines, nextPageToken: tokenOf(before) };
    }
  }
  const last = newest.length < mostRead ? undefined : newest.at(-1);
  return { lines, nextPageToken: last === undefined ? '' : tokenOf(last.revision) };
}

async function verified({ store, cores, trusted }: ServiceContext) {
  // Before the records: these only grow, and all that was signed until now is among them.
  const statements = openStatements(await store.readHeads(), cores(), certificatesOf(trusted()));
  const anchors = await store.readAnchors();
  const vouched = vouchedFor(statements.believed, anchors, cores());
  const problems = statements.problems.map(({ nodeId, problem }) => `the heads that ${nodeId} has signed ${problem}`);
  let [records, chains] = [0, 0];
  let chain: AuditRecord[] = [];
  const end = (): void => {
    if (chain.length === 0) return;
    chains += 1;
    problems.push(...vouched.chain(chain));
    for (const { key, problem } of auditProblems(chain, anchors)) problems.push(`${key} ${problem}`);
    chain = [];
  };
  const folder = (key: string): string => key.slice(0, key.lastIndexOf('/'));
  for await (const record of store.readAudit()) {
    records += 1;
    const [last] = chain.slice(-1);
    if (last !== undefined && folder(last.key) !== folder(record.key)) end();
    chain.push(record);
  }
  end();
  problems.push(...vouched.rest());
  const signers = cores().map((nodeId) => {
    const of = statements.believed.find((each) => each.nodeId === nodeId);
    return { nodeId, ...(of?.at && { at: of.at }), chains: of?.heads.length ?? 0 };
  });
  return { records: BigInt(records), chains, problems: problems.slice(0, 1_000), signers };
}

// A daemon that holds no accounts may not read what others have written down either (docs/operating.md, "Roles in etcd").
export function auditHandlers(context: ServiceContext): HandlersOf<typeof AuditService> {
  const { store } = context;
  return {
    listAudit: async (request) => {
      peopleOf(context);
      return listed(context, request);
    },
    verifyAudit: async () => {
      peopleOf(context);
      return verified(context);
    },
    exportAudit: async function* () {
      peopleOf(context);
      let records: AuditRecord[] = [];
      for await (const record of store.readAudit()) {
        records.push(record);
        if (records.length < inAMessage) continue;
        yield { records };
        records = [];
      }
      if (records.length > 0) yield { records };
    },
    trimAudit: async (request, call) => {
      peopleOf(context);
      const { chains, change } = request;
      const count = countRefusal(chains.length);
      if (count !== undefined) throw new Refused(count);
      const besides = chains.map(({ key }) => `trim ${key.slice(0, 200)}`);
      const { method } = AuditService;
      // Written down first, as everything else is: what goes is known to go.
      const outcome = granted(
        await context.submit({
          ...{ method: `/${method.trimAudit.parent.typeName}/${method.trimAudit.name}`, request },
          ...{ input: method.trimAudit.input, output: method.trimAudit.output },
          ...{ principal: call.principal, signal: call.signal },
          decide: () => ({ decision: { compares: [], writes: [], besides }, response: {} }),
        }),
      );
      let removed = 0;
      if (change?.dryRun !== true) {
        for (const { key, hash } of chains) {
          const gone = await store.trimAudit(key, hash);
          if (gone === undefined) {
            const about = { field: 'chains', value: key, problem: 'is not what was exported' };
            throw new Refused(refuse('conflict', { ...about, cure: 'export again, and trim what that gave' }));
          }
          removed += gone;
        }
      }
      context.log.info('audit-trimmed', { by: principalName(call.principal), chains: chains.length, removed });
      return create(TrimAuditResponseSchema, { changed: outcome.changed, removed: BigInt(removed) });
    },
  };
}

function countRefusal(count: number): Refusal | undefined {
  const cure = `1 to ${mostChains} chains`;
  if (count === 0) return refuse('required', { field: 'chains', problem: 'are missing', cure });
  if (count <= mostChains) return undefined;
  return refuse('invalid', { field: 'chains', value: String(count), problem: 'are too many', cure });
}
