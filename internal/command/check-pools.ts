// Check pools: looks through one snapshot for what no command leaves behind.
//
// A snapshot is every record at one revision, so that owner and owned are of the same moment, and no order of reading
// them could miss one. What one scan finds may still be on its way to be mended (a daemon's next transaction): only what
// two scans find at the same revision of its record counts, and the API sees to that.

import { clone } from '@bufbuild/protobuf';
import { QuotaSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { holderOf, type Snapshot } from '#internal/model/model.ts';
import { type Prefix, parsePrefix } from '#internal/netip/netip.ts';
import { checkAllocations } from './check-allocations.ts';
import { checkBooks } from './check-books.ts';
import { checkTunnels } from './check-tunnels.ts';
import { unchanged } from './context.ts';
import { aTurn, type Finding, finding, inScope, type Scope } from './finding.ts';
import { useOf } from './quota-use.ts';

export interface Scan {
  /** By record, then by kind. */
  readonly findings: readonly Finding[];
  /** How many records were looked at. */
  readonly records: number;
}

/**
 * Yields now and then, so that a daemon that looks through a million records serves others in between; what it returns is
 * of the one snapshot all the same. O(records).
 * @param poolId of this pool alone: its records, and what tunnels have of it
 * @param now when what is mended was released
 */
export function* checkPools(snapshot: Snapshot, poolId: string | undefined, now: Date): Generator<undefined, Scan> {
  const scope: Scope = { snapshot, now, poolId };
  const findings = [
    ...checkBooks(scope),
    ...(yield* checkAllocations(scope)),
    ...(yield* checkTunnels(scope)),
    ...(poolId === undefined ? yield* checkQuotas(snapshot) : []),
  ].sort((a, b) => compare(a.record, b.record) || compare(a.kind, b.kind));
  return { findings, records: recordsIn(scope) };
}

const compare = (a: string, b: string): number => (a === b ? 0 : a < b ? -1 : 1);

function recordsIn(scope: Scope): number {
  const { snapshot, poolId } = scope;
  const { pools, slabs, reservations, allocations, tunnels, peerkeys, quotas } = snapshot;
  if (poolId === undefined) {
    return [pools, slabs, reservations, allocations, tunnels, peerkeys, quotas].reduce(
      (sum, { size }) => sum + size,
      0,
    );
  }
  const use = snapshot.poolUse.get(poolId) ?? { slabs: 0, allocations: 0, quarantined: 0 };
  const reserved = [...inScope(reservations, scope)].length;
  return Number(pools.has(poolId)) + use.slabs + use.allocations + use.quarantined + reserved + tunnels.size;
}

// Whoever allocates for the owner or releases rewrites the record: unchanged since the snapshot, the count is right.
function* checkQuotas(snapshot: Snapshot): Generator<undefined, readonly Finding[]> {
  if (snapshot.quotas.size === 0) return [];
  // As usedBy counts it, for all owners in one pass.
  const held = new Map<string, Prefix[]>([...snapshot.quotas.keys()].map((owner) => [owner, []]));
  let looked = 0;
  for (const { record } of snapshot.allocations.values()) {
    looked += 1;
    if (looked % aTurn === 0) yield;
    const ofOwner = held.get(record.owner);
    if (ofOwner === undefined || holderOf(record) === 'quarantine') continue;
    const prefix = parsePrefix(record.prefix);
    if (typeof prefix === 'string') ofOwner.push(prefix);
  }
  return [...snapshot.quotas].flatMap(([owner, stored]) => {
    const { used4, used6 } = useOf(held.get(owner) ?? []);
    if (stored.record.used4 === used4 && stored.record.used6 === used6) return [];
    const record = Object.assign(clone(QuotaSchema, stored.record), { used4, used6 });
    return [
      finding('quota', ['quota', owner, stored], {
        problem: `counts ${stored.record.used4} IPv4 addresses and ${stored.record.used6} IPv6 networks, held are ${used4} and ${used6}`,
        cure: 'it is counted anew',
        mend: {
          compares: [unchanged('quota', owner, stored)],
          writes: [{ op: 'put', kind: 'quota', id: owner, record }],
        },
      }),
    ];
  });
}
