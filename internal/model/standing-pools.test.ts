import { create } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { AllocationSchema, PoolSchema, SlabSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { Prefix } from '#internal/netip/netip.ts';
import { allocationId, emptySnapshot, fold, poolId, slabId, slabLengthOf, standingPools } from './model.ts';
import type { RecordEvent, RecordKind } from './record.ts';

const p = (text: string): Prefix => text as Prefix;

describe('delegations', () => {
  const [root, pair, one, part] = ['44.40.0.0/16', '44.40.2.0/23', '44.40.8.0/24', '44.40.2.64/26'].map(p) as [
    Prefix,
    Prefix,
    Prefix,
    Prefix,
  ];
  const pool = (prefix: Prefix, parent: Prefix | undefined, rest: object = {}): RecordEvent => {
    const [id, parentPoolId] = [poolId(prefix), parent === undefined ? '' : poolId(parent)];
    const record = { id, prefix, realmId: 'internet', slabLength: slabLengthOf(prefix), parentPoolId, ...rest };
    return put('pool', id, create(PoolSchema, { createdAt: { seconds: 5n }, ...record }));
  };
  const slab = (of: Prefix, prefix: string, unitLength: number, to?: Prefix): RecordEvent => {
    const delegatedPoolId = to === undefined ? '' : poolId(to);
    const record = { poolId: poolId(of), prefix, unitLength, homePopId: 'p1', delegatedPoolId };
    return put('slab', slabId(poolId(of), p(prefix)), create(SlabSchema, record));
  };
  const allocation = (of: Prefix, prefix: Prefix, rest: object): RecordEvent =>
    put(
      'allocation',
      allocationId(poolId(of), prefix),
      create(AllocationSchema, { poolId: poolId(of), prefix, ...rest }),
    );
  const put = (kind: RecordKind, id: string, record: unknown): RecordEvent =>
    ({ kind, id, stored: { revision: 9n, record } }) as RecordEvent;
  const sound = [
    pool(root, undefined),
    pool(pair, root),
    slab(root, '44.40.2.0/24', 24, pair),
    slab(root, '44.40.3.0/24', 24, pair),
    pool(one, root, { createdAt: { seconds: 1n } }),
    slab(root, '44.40.8.0/24', 24, one),
    pool(part, pair),
    slab(pair, '44.40.2.0/24', 26),
    allocation(pair, part, { delegatedPoolId: poolId(part) }),
  ];
  const standing = (...changed: readonly RecordEvent[]): readonly string[] => {
    const keyOf = ({ kind, id }: RecordEvent): string => `${kind} ${id}`;
    const events = new Map([...sound, ...changed].map((event) => [keyOf(event), event]));
    const fresh = fold(emptySnapshot(), { revision: 9n, relisted: true, events: [...events.values()] }).snapshot;
    // Reached by a change of what stood, and asked before it: the answer is the same.
    const before = fold(emptySnapshot(), { revision: 8n, relisted: true, events: sound }).snapshot;
    standingPools(before);
    const later = changed.map((event) =>
      event.stored === undefined ? event : ({ ...event, stored: { ...event.stored, revision: 10n } } as RecordEvent),
    );
    const after = fold(before, { revision: 10n, relisted: false, events: later }).snapshot;
    expect([...standingPools(after).values()]).toEqual([...standingPools(fresh).values()]);
    return [...standingPools(fresh).values()].toSorted();
  };
  const all = [root, pair, one, part].toSorted();
  const without = (...gone: readonly Prefix[]): readonly string[] => all.filter((prefix) => !gone.includes(prefix));
  const gone = ({ kind, id }: RecordEvent): RecordEvent => ({ kind, id });

  const cases: readonly (readonly [name: string, changed: readonly RecordEvent[], stands: readonly string[]])[] = [
    ['stand where their parents back them, nested, whatever their age', [], all],
    ['fall with their parent', [gone(pool(root, undefined))], []],
    ['fall with what backs a parent', [gone(slab(root, '44.40.3.0/24', 24))], without(pair, part)],
    ['want every slab of theirs', [slab(root, '44.40.3.0/24', 24, one)], without(pair, part)],
    ['want no slab that gives units', [slab(root, '44.40.8.0/24', 24)], without(one)],
    ['want their allocation', [gone(allocation(pair, part, {}))], without(part)],
    ['want it to be theirs', [allocation(pair, part, { delegatedPoolId: poolId(one) })], without(part)],
    ['want it out of use', [allocation(pair, part, { delegatedPoolId: poolId(part), tunnelId: 't1' })], without(part)],
    ['want a slab of their unit around it', [slab(pair, '44.40.2.0/24', 27)], without(part)],
    ['want that slab undelegated', [slab(pair, '44.40.2.0/24', 26, one)], without(part)],
    ['want the realm of their parent', [pool(one, root, { realmId: 'hamnet' })], without(one)],
    ['lie in their parent', [pool(root, undefined, { prefix: '44.40.0.0/21' })], ['44.40.0.0/21', pair, part]],
    ['are not half of what was delegated and half more', [pool(one, root, { prefix: '44.40.8.0/23' })], without(one)],
    ['are no circle', [pool(pair, part), pool(part, pair)], without(pair, part)],
    [
      'fall with their parent to an older root',
      [pool(p('44.40.8.0/22'), undefined, { createdAt: { seconds: 1n } })],
      ['44.40.8.0/22'],
    ],
    [
      'do not keep a root from standing that does not meet their parent',
      [pool(p('44.41.0.0/24'), undefined)],
      [...all, '44.41.0.0/24'],
    ],
  ];
  test.each(cases)('%s', (_name, changed, stands) => {
    expect(standing(...changed)).toEqual([...stands].toSorted());
  });

  test('ten thousand pools that are each other’s parents are judged without a deep call', () => {
    const many = Array.from({ length: 10_000 }, (_, at) => p(`44.${at >> 8}.${at & 255}.0/24`));
    const events = many.map((prefix, at) => pool(prefix, many[(at + 1) % many.length]));
    const { snapshot } = fold(emptySnapshot(), { revision: 9n, relisted: true, events });
    expect(standingPools(snapshot).size).toBe(0);
  });
});
