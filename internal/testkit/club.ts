// Club: the three PoPs with a MICRO in place of the third, which has a delegation of each family, and an interconnect more
// between the first two.

import { create } from '@bufbuild/protobuf';
import {
  InterconnectSchema,
  PoolSchema,
  PopKind,
  PopSchema,
  SlabSchema,
} from '#internal/gen/pop44/store/v1/records_pb.ts';
import { fold, poolId, type Snapshot, slabId, slabLengthOf } from '#internal/model/model.ts';
import type { RecordEvent } from '#internal/model/record.ts';
import { type Prefix, nthSubprefix, parsePrefix } from '#internal/netip/netip.ts';
import { threePops } from './three-pops.ts';

const prefixOf = (text: string): Prefix => {
  const prefix = parsePrefix(text);
  if (typeof prefix !== 'string') throw new TypeError(text);
  return prefix;
};

/** What is delegated to the club. */
export const clubSubtree = ['44.31.3.0/24', '2001:db8:44:c000::/50'] as const;
const parents = ['44.31.0.0/22', '2001:db8:44::/48'] as const;
const slabs = [
  [24, 1],
  [56, 64],
] as const;

function delegated(at: 0 | 1, revision: bigint): readonly RecordEvent[] {
  const [parent, child] = [prefixOf(parents[at]), prefixOf(clubSubtree[at])];
  const [slabLength, count] = slabs[at];
  const of = { realmId: 'internet', parentPoolId: poolId(parent), homePopId: 'p3', createdAt: { seconds: 2n } };
  const pool = create(PoolSchema, { ...of, id: poolId(child), prefix: child, slabLength: slabLengthOf(child) });
  const given = Array.from({ length: count }, (_, nth): RecordEvent => {
    const prefix = nthSubprefix(child, slabLength, BigInt(nth));
    const ids = { poolId: of.parentPoolId, delegatedPoolId: pool.id };
    const record = create(SlabSchema, { ...ids, prefix, unitLength: slabLength, homePopId: 'p3' });
    return { kind: 'slab', id: slabId(of.parentPoolId, prefix), stored: { revision, record } };
  });
  return [...given, { kind: 'pool', id: pool.id, stored: { revision, record: pool } }];
}

export function withClub(): Snapshot {
  const before = threePops();
  const revision = before.revision + 1n;
  const pop = create(PopSchema, { ...before.pops.get('p3')?.record, kind: PopKind.MICRO } as object);
  const second = create(InterconnectSchema, {
    ...before.interconnects.get('p1-p2')?.record,
    ...{ id: 'p1-p2-2', link4: '172.30.0.6/31', link6: 'fd44:0:0:1::6/127', portA: 51910, portB: 51910 },
  } as object);
  const events: readonly RecordEvent[] = [
    { kind: 'pop', id: 'p3', stored: { revision, record: pop } },
    { kind: 'interconnect', id: 'p1-p2-2', stored: { revision, record: second } },
    { kind: 'interconnect', id: 'p2-p3' },
    ...delegated(0, revision),
    ...delegated(1, revision),
  ];
  return fold(before, { revision, relisted: false, events }).snapshot;
}
