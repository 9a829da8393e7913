// Ledger: carries decisions out as etcd does, all or nothing, for laws over many commands.

import { emptySnapshot, fold, type RecordChange, type Snapshot } from '#internal/model/model.ts';
import type { Compare, Decision, RecordEvent } from '#internal/model/record.ts';

export interface Ledger {
  readonly snapshot: Snapshot;
  /** Undefined: a compare did not hold, and nothing changed. */
  commit(decision: Decision): readonly RecordChange[] | undefined;
}

// FIELD-NOTES, etcd 7: measured; the operation's own record takes one of each.
const mostOperations = 127;

export function createLedger(first: Snapshot = emptySnapshot()): Ledger {
  let { revision } = first;
  let snapshot = first;
  const revisions = new Map<string, bigint>();
  const tables = {
    realm: first.realms,
    pop: first.pops,
    anycast: first.anycasts,
    node: first.nodes,
    interconnect: first.interconnects,
    upstream: first.upstreams,
    pool: first.pools,
    slab: first.slabs,
    allocation: first.allocations,
    tunnel: first.tunnels,
    peerkey: first.peerkeys,
    reservation: first.reservations,
    quota: first.quotas,
    blackhole: first.blackholes,
  };
  for (const [kind, table] of Object.entries(tables)) {
    for (const [id, stored] of table) revisions.set(`${kind}/${id}`, stored.revision);
  }
  if (first.network !== undefined) revisions.set('network/network', first.network.revision);

  const holds = (compare: Compare): boolean => {
    const key = `${compare.kind}/${compare.id}`;
    if (compare.within === true) return ![...revisions.keys()].some((other) => other.startsWith(key));
    return (revisions.get(key) ?? 0n) === compare.revision;
  };
  return {
    get snapshot() {
      return snapshot;
    },
    commit({ compares, writes }) {
      if (Math.max(compares.length, writes.length) > mostOperations) throw new RangeError('too many operations');
      if (new Set(writes.map(({ kind, id }) => `${kind}/${id}`)).size < writes.length) {
        throw new RangeError('etcd refuses a transaction that writes a key twice');
      }
      if (!compares.every(holds)) return undefined;
      revision += 1n;
      const events = writes.map((write): RecordEvent => {
        const key = `${write.kind}/${write.id}`;
        if (write.op === 'delete') {
          revisions.delete(key);
          return { kind: write.kind, id: write.id };
        }
        revisions.set(key, revision);
        // The write's kind and record belong together already.
        return { kind: write.kind, id: write.id, stored: { record: write.record, revision } } as RecordEvent;
      });
      const folded = fold(snapshot, { revision, relisted: false, events });
      snapshot = folded.snapshot;
      return folded.changes;
    },
  };
}
