// Fold: a batch of events takes a snapshot from one revision to the next, in O(events), and tells what became of what.

import { equals } from '@bufbuild/protobuf';
import { Map as ImmutableMap } from 'immutable';
import type { Allocation, Tunnel } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { type NameIndex, withName, withoutName } from './name-index.ts';
import { countAllocation, countSlab, type UseDifferences, withDifferences } from './pool-use.ts';
import {
  type Batch,
  type Decision,
  type RecordEvent,
  type RecordKind,
  type Records,
  recordKinds,
  type Stored,
} from './record.ts';
import { recordSchemas } from './schemas.ts';
import { shareAllocationText, shareTunnelText } from './shared-text.ts';
import { networkId, type Snapshot } from './snapshot.ts';

type ChangeOf<K extends RecordKind> = {
  readonly kind: K;
  readonly id: string;
  /** Absent: it was created. */
  readonly before?: Stored<Records[K]>;
  /** Absent: it was deleted. */
  readonly after?: Stored<Records[K]>;
};
/** What became of one record between two snapshots. At least one of before and after is there. */
export type RecordChange = { readonly [K in RecordKind]: ChangeOf<K> }[RecordKind];

export interface Folded {
  readonly snapshot: Snapshot;
  /** One a key, by kind (in the order of recordKinds) and id. A record that is rewritten as it was is a change too. */
  readonly changes: readonly RecordChange[];
}

type AnyStored = Stored<Records[RecordKind]>;
type Table = ImmutableMap<string, AnyStored>;

/** A table under its name in the snapshot; the network, which is one record, stands as a table of one. */
const tables = {
  realm: 'realms',
  pop: 'pops',
  anycast: 'anycasts',
  node: 'nodes',
  interconnect: 'interconnects',
  upstream: 'upstreams',
  pool: 'pools',
  slab: 'slabs',
  reservation: 'reservations',
  allocation: 'allocations',
  tunnel: 'tunnels',
  peerkey: 'peerkeys',
  quota: 'quotas',
  blackhole: 'blackholes',
  jointoken: 'jointokens',
  certificate: 'certificates',
  authority: 'authorities',
} as const satisfies Record<Exclude<RecordKind, 'network'>, keyof Snapshot>;

function tableOf(snapshot: Snapshot, kind: RecordKind): Table {
  if (kind !== 'network') return snapshot[tables[kind]];
  return snapshot.network === undefined ? ImmutableMap() : ImmutableMap([[networkId, snapshot.network]]);
}

const orderOf = Object.fromEntries(recordKinds.map((kind, at) => [kind, at])) as Record<RecordKind, number>;

/** The last event of each key. By kind first: thousands a second pass here, and a key of both would be made for each. */
function lastEvents(events: readonly RecordEvent[]): ReadonlyMap<RecordKind, ReadonlyMap<string, RecordEvent>> {
  const last = new Map<RecordKind, Map<string, RecordEvent>>();
  for (const event of events) {
    const ofKind = last.get(event.kind) ?? new Map<string, RecordEvent>();
    if (ofKind.size === 0) last.set(event.kind, ofKind);
    ofKind.set(event.id, event);
  }
  return last;
}

/**
 * Takes the snapshot to the batch's revision. A relisted batch replaces everything; what it names as it was before is
 * no change. Any order of a relisted batch gives the same; of one key's events in a difference the last counts.
 */
export function fold(before: Snapshot, batch: Batch): Folded {
  const last = lastEvents(batch.events);
  const changes: RecordChange[] = [];
  for (const [kind, events] of last) {
    const table = tableOf(before, kind);
    for (const [id, event] of events) {
      const held = table.get(id);
      if (held === undefined && event.stored === undefined) continue;
      if (sameRecord(kind, held, event.stored, batch.relisted)) continue;
      changes.push(change(kind, id, held, event.stored));
    }
  }
  if (batch.relisted) {
    for (const kind of recordKinds) {
      const named = last.get(kind);
      for (const [id, held] of tableOf(before, kind)) {
        if (named?.has(id) !== true) changes.push(change(kind, id, held, undefined));
      }
    }
  }
  if (changes.length > 1) changes.sort((a, b) => orderOf[a.kind] - orderOf[b.kind] || (a.id < b.id ? -1 : 1));
  return { snapshot: applied(before, changes, batch.revision), changes };
}

// Within one history a mod revision names one value. A list may come from another history (a restored backup that went on
// from an older revision), where only the contents tell.
function sameRecord(
  kind: RecordKind,
  held: AnyStored | undefined,
  found: AnyStored | undefined,
  compareContents: boolean,
): boolean {
  if (held === undefined || found === undefined || held.revision !== found.revision) return false;
  return !compareContents || held.record === found.record || equals(recordSchemas[kind], held.record, found.record);
}

function change(
  kind: RecordKind,
  id: string,
  before: AnyStored | undefined,
  after: AnyStored | undefined,
): RecordChange {
  // Both came from the table or the event of this kind.
  return { kind, id, ...(before && { before }), ...(after && { after }) } as RecordChange;
}

function applied(before: Snapshot, changes: readonly RecordChange[], revision: bigint): Snapshot {
  const touched = new Map<RecordKind, Table>();
  const uses: UseDifferences = new Map();
  let { tunnelsByName, tunnelsByOwnerAndName, tunnelCounts, delegations, quarantined } = before;
  for (const { kind, id, before: old, after } of changes) {
    const table = touched.get(kind) ?? tableOf(before, kind).asMutable();
    touched.set(kind, after === undefined ? table.delete(id) : table.set(id, after));
    switch (kind) {
      case 'tunnel':
        if (after !== undefined) shareTunnelText(after.record);
        tunnelsByName = renamed(tunnelsByName, id, old?.record.name, after?.record.name);
        tunnelsByOwnerAndName = renamed(
          tunnelsByOwnerAndName,
          id,
          old && ownerAndName(old.record),
          after && ownerAndName(after.record),
        );
        if (old?.record.owner !== after?.record.owner) {
          if (old !== undefined) tunnelCounts = counted(tunnelCounts, old.record.owner, -1);
          if (after !== undefined) tunnelCounts = counted(tunnelCounts, after.record.owner, 1);
        }
        break;
      case 'slab':
        countSlab(uses, id, Number(after !== undefined) - Number(old !== undefined));
        break;
      case 'allocation':
        if (after !== undefined) shareAllocationText(after.record);
        countAllocation(uses, id, old?.record, -1);
        countAllocation(uses, id, after?.record, 1);
        delegations = among(delegations, id, after, after?.record.delegatedPoolId !== '');
        quarantined = among(quarantined, id, after, after?.record.quarantinedUntil !== undefined);
        break;
      default:
        break;
    }
  }
  const replaced: Record<string, unknown> = {};
  for (const [kind, table] of touched) {
    if (kind === 'network') replaced['network'] = table.get(networkId);
    else replaced[tables[kind]] = table.asImmutable();
  }
  const poolUse = withDifferences(before.poolUse, uses);
  const derived = { tunnelsByName, tunnelsByOwnerAndName, tunnelCounts, poolUse, delegations, quarantined };
  const after = { ...before, ...replaced, revision, ...derived };
  if (after.network === undefined) delete after.network;
  return after;
}

const ownerAndName = (tunnel: Tunnel): string => `${tunnel.owner}/${tunnel.name}`;

function renamed(index: NameIndex, id: string, old: string | undefined, now: string | undefined): NameIndex {
  if (old === now) return index;
  const without = old === undefined ? index : withoutName(index, old, id);
  return now === undefined ? without : withName(without, now, id);
}

function counted(counts: Snapshot['tunnelCounts'], owner: string, by: 1 | -1): Snapshot['tunnelCounts'] {
  const count = (counts.get(owner) ?? 0) + by;
  return count === 0 ? counts.delete(owner) : counts.set(owner, count);
}

/** Some of the allocations, after one of them changed. */
function among(
  some: Snapshot['allocations'],
  id: string,
  after: Stored<Allocation> | undefined,
  belongs: boolean,
): Snapshot['allocations'] {
  if (after !== undefined && belongs) return some.set(id, after);
  return some.size === 0 ? some : some.delete(id);
}

/** What a decision leads to, if etcd takes it next. */
export function foldDecision(before: Snapshot, { writes }: Pick<Decision, 'writes'>): Folded {
  const revision = before.revision + 1n;
  const events = writes.map((write): RecordEvent => {
    if (write.op === 'delete') return { kind: write.kind, id: write.id };
    // The kind names the record's type; the compiler does not follow the pair.
    return { kind: write.kind, id: write.id, stored: { record: write.record, revision } } as RecordEvent;
  });
  return fold(before, { revision, relisted: false, events });
}
