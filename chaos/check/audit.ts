// Audit: the chains are whole, and every change of a record stands in exactly one of their records.

import { createHash } from 'node:crypto';
import type { LoggedEvent } from '../event-log.ts';
import type { Court } from './invariant.ts';
import type { Judge } from './replay.ts';
import { type Transaction, transactionsOf } from './transactions.ts';

interface End {
  readonly number: bigint;
  readonly hash: Buffer;
}

const hashOf = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();

/** `base`: what stood when the log began; its chains go on. */
export function judgeAudit(court: Court, base: readonly LoggedEvent[]): Judge {
  const ends = new Map<string, End>();
  for (const { audits } of transactionsOf(base))
    for (const { chain, number, bytes } of audits)
      if (number > (ends.get(chain)?.number ?? 0n)) ends.set(chain, { number, hash: hashOf(bytes) });

  function link(revision: bigint, { chain, number, audit, bytes }: Transaction['audits'][number]): void {
    const where = `revision ${revision}: chain ${chain} number ${number}`;
    court.check('audit-chain', audit !== undefined, () => `${where} was deleted`);
    if (audit === undefined) return;
    const end = ends.get(chain);
    const itself = `${audit.nodeId}/${audit.chain}` === chain && audit.number === number;
    court.check('audit-chain', itself, () => `${where} says of itself ${audit.nodeId}/${audit.chain} ${audit.number}`);
    const next = (end?.number ?? 0n) + 1n;
    court.check('audit-chain', number === next, () => `${where}, ${next} was to come`);
    const hash = end?.hash ?? Buffer.alloc(0);
    const follows = Buffer.compare(audit.previousHash, hash) === 0;
    court.check('audit-chain', follows, () => `${where} names another record before it`);
    ends.set(chain, { number, hash: hashOf(bytes) });
  }

  return {
    after(_, { revision, records, audits }) {
      for (const each of audits) link(revision, each);
      if (records.length === 0) return;
      const written = records.map(({ kind, id, stored }) => `${stored === undefined ? 'delete' : 'put'} ${kind}/${id}`);
      court.check('audit-complete', audits.length === 1, () => {
        return `revision ${revision}: ${audits.length} audit records for ${written.slice(0, 3).join(', ')}`;
      });
      if (audits.length !== 1) return;
      const told = new Set(audits[0]?.audit?.entries.flatMap(({ changes }) => changes));
      const untold = written.filter((change) => !told.has(change));
      // A delete of what was not there any more is told and leaves no event.
      const undone = [...told].filter((change) => !change.startsWith('delete ') && !written.includes(change));
      court.check('audit-complete', untold.length + undone.length === 0, () => {
        const words = [
          ...untold.map((change) => `${change} is not told`),
          ...undone.map((change) => `${change} is told`),
        ];
        return `revision ${revision}: ${words.slice(0, 3).join(', ')}`;
      });
    },
  };
}
