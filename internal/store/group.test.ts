import { create } from '@bufbuild/protobuf';
import {
  type Arbitrary,
  array,
  assert,
  asyncProperty,
  boolean,
  constantFrom,
  nat,
  record,
  uniqueArray,
} from 'fast-check';
import { expect, test } from 'vitest';
import { AllocationSchema, OperationSchema, QuotaSchema, SlabSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { Compare, Decision, Stored, Write } from '#internal/model/record.ts';
import { memoryStore } from '#internal/testkit/memory-store.ts';
import { openChains } from './audit.ts';
import { openGroup } from './group.ts';
import { transactionOf } from './transaction.ts';

const poolId = '4-2c1f0000-22';
const fence = { key: '/pop44/election/v1/leader/4-2c1f0000-22', createRevision: 3n, poolId };
const idOf = (n: number): string => `${poolId}/2c1f${n.toString(16).padStart(4, '0')}`;
const operation = (requestId: string) => create(OperationSchema, { requestId });

function put(n: number, owner = 'admin/ada'): Write {
  const prefix = `44.31.${n >> 8}.${n & 255}/32`;
  return { op: 'put', kind: 'allocation', id: idOf(n), record: create(AllocationSchema, { poolId, prefix, owner }) };
}
const absent = (n: number): Compare => ({ kind: 'allocation', id: idOf(n), revision: 0n });
const slabAt = (revision: bigint): Compare => ({ kind: 'slab', id: idOf(0), revision });
const putSlab = (homePopId = 'p1', n = 0): Write => ({
  op: 'put',
  kind: 'slab',
  id: idOf(n << 8),
  record: create(SlabSchema, { poolId, prefix: `44.31.${n}.0/24`, unitLength: 32, homePopId }),
});
const empty: Compare = { kind: 'allocation', id: `${poolId}/`, revision: 0n, within: true };
/** What an allocation comes to. */
const allocate = (n: number): Decision => ({
  compares: [{ kind: 'pool', id: poolId, revision: 7n }, slabAt(5n), absent(n)],
  writes: [put(n)],
});

const first: Decision = { compares: [slabAt(0n), absent(1)], writes: [putSlab(), put(1)] };

const quotaWrite: Decision = {
  compares: [{ kind: 'quota', id: 'admin/ada', revision: 5n }],
  writes: [
    { op: 'put', kind: 'quota', id: 'admin/ada', record: create(QuotaSchema, { owner: 'admin/ada', used4: 2n }) },
  ],
};

test.each<[name: string, second: Decision, answer: 'added' | 'meets', before?: Decision]>([
  ['another address of the same pool and slab', allocate(2), 'added', allocate(1)],
  ['the same address', allocate(1), 'meets', allocate(1)],
  ['the same quota, used alike', quotaWrite, 'meets', quotaWrite],
  ['the same slab, cut alike', { compares: [slabAt(0n), absent(2)], writes: [putSlab(), put(2)] }, 'added'],
  ['the same slab, cut otherwise', { compares: [slabAt(0n), absent(2)], writes: [putSlab('p2'), put(2)] }, 'meets'],
  ['the same slab, cut on no condition', { compares: [absent(2)], writes: [putSlab(), put(2)] }, 'meets'],
  ['the slab that the group cuts, as it was', { compares: [slabAt(0n)], writes: [put(2)] }, 'meets'],
  ['the slab at another revision', { compares: [slabAt(4n), absent(2)], writes: [put(2)] }, 'meets', allocate(1)],
  ['a write of what was only compared', { compares: [slabAt(5n)], writes: [putSlab()] }, 'added', allocate(1)],
  [
    'a deletion of what the group writes',
    { compares: [], writes: [{ op: 'delete', kind: 'slab', id: idOf(0) }] },
    'meets',
  ],
  ['an empty pool that the group writes to', { compares: [empty], writes: [] }, 'meets'],
  [
    'an empty pool that the group does not write to',
    { compares: [empty], writes: [] },
    'added',
    { compares: [], writes: [putSlab()] },
  ],
  ['a write to a pool that the group wants empty', allocate(2), 'added', { compares: [empty], writes: [] }],
])('after what is like it, %s', (_name, second, answer, before = first) => {
  const group = openGroup(fence);
  expect(group.add(before, operation('r1'))).toBe('added');
  expect(group.add(second, operation('r2'))).toBe(answer);
  expect(group.size).toBe(answer === 'added' ? 2 : 1);
});

test('one request id goes into a group once', () => {
  const group = openGroup();
  expect(group.add(allocate(1), operation('same'))).toBe('added');
  expect(group.add(allocate(2), operation('same'))).toBe('meets');
});

test('a decision that cannot be carried out is turned away alone, and the group is as it was', () => {
  const group = openGroup(fence);
  group.add(allocate(1), operation('r1'));
  const unreadable: Write = { op: 'put', kind: 'allocation', id: idOf(9), record: create(AllocationSchema) };
  expect(() => group.add({ compares: [], writes: [unreadable] }, operation('r2'))).toThrow(/prefix is not the one/);
  expect(() => group.add(allocate(2), operation('a/b'))).toThrow(/not a request id/);
  expect(() => group.add({ compares: [absent(2), { ...absent(2), revision: 4n }], writes: [] }, undefined)).toThrow(
    /at two revisions/,
  );
  expect(() => group.add({ compares: [], writes: [put(2), put(2)] }, undefined)).toThrow(/written twice/);
  const large = { compares: Array.from({ length: 127 }, (_, n) => absent(n)), writes: [] };
  expect(() => group.add(large, undefined)).toThrow(/127 compares/);
  expect(group.size).toBe(1);
  expect(group.add(allocate(2), operation('r2'))).toBe('added');
});

test('62 allocations under one fence fill a transaction, and etcd takes it', async () => {
  const group = openGroup(fence);
  let added = 0;
  while (group.add(allocate(added), operation(`r${added}`)) === 'added') added++;
  expect(added).toBe(62);
  expect(group.add(allocate(added), operation('again'))).toBe('full');
  const chain = await openChains('p1', () => '0'.repeat(16)).take();
  const { txn } = transactionOf(
    group.items,
    fence,
    chain.next(group.items, fence, new Date()),
    new Map([['answer', 5n]]),
  );
  for (const part of [txn.compares, txn.then, txn.otherwise ?? []]) expect(part.length).toBeLessThanOrEqual(128);
  expect(txn.compares).toHaveLength(128);
});

test('what is too large for one request to etcd goes into two groups', () => {
  const large = create(OperationSchema, { requestId: 'large', response: new Uint8Array(1_000_000) });
  const group = openGroup();
  expect(group.add(allocate(1), large)).toBe('added');
  expect(group.add(allocate(2), create(OperationSchema, { ...large, requestId: 'more' }))).toBe('full');
  expect(group.add(allocate(3), operation('small'))).toBe('added');
});

/** A request as the law draws it; its revisions are those of the moment. */
interface Wish {
  readonly requestId: string;
  readonly compares: readonly { readonly n: number; readonly is: 'now' | 'absent' | 'stale' }[];
  readonly wantsEmpty: boolean;
  readonly writes: readonly { readonly n: number; readonly as: 'one' | 'other' | 'gone' }[];
}
// The keys 0 to 2 are allocations, 3 and 4 slabs.
const key = nat(4);
const wish: Arbitrary<Wish> = record({
  requestId: nat(30).map((n) => `r${n}`),
  compares: uniqueArray(record({ n: key, is: constantFrom('now', 'now', 'now', 'absent', 'stale') }), {
    selector: ({ n }) => n,
    maxLength: 3,
  }),
  wantsEmpty: boolean(),
  writes: uniqueArray(record({ n: key, as: constantFrom('one', 'one', 'other', 'gone') }), {
    selector: ({ n }) => n,
    maxLength: 2,
  }),
});
const placeOf = (n: number) => ({ kind: n < 3 ? 'allocation' : 'slab', id: idOf(n < 3 ? n : (n - 3) << 8) }) as const;
const nameOf = ({ kind, id }: { readonly kind: string; readonly id: string }): string => `${kind}/${id}`;

function writeOf({ n, as }: Wish['writes'][number]): Write {
  const place = placeOf(n);
  if (as === 'gone') return { op: 'delete', ...place };
  return place.kind === 'allocation' ? put(n, as) : putSlab(as, n - 3);
}

test('committed together, requests lead to what they lead to one after the other, and none fails for another [A7]', async () => {
  await assert(
    asyncProperty(array(array(wish, { maxLength: 8 }), { maxLength: 6 }), async (rounds) => {
      const store = memoryStore();
      /** What stands, as a naive store would have it. */
      const stands = new Map<string, { readonly revision: bigint; readonly write: Write }>();
      const used = new Set<string>();
      const revisionOf = (place: Parameters<typeof nameOf>[0]): bigint => stands.get(nameOf(place))?.revision ?? 0n;
      const holds = (compare: Compare): boolean =>
        compare.within === true
          ? stands.keys().every((name) => !name.startsWith(nameOf(compare)))
          : revisionOf(compare) === compare.revision;
      const decisionOf = ({ compares, writes, wantsEmpty }: Wish): Decision => ({
        compares: [
          ...compares.map(({ n, is }): Compare => {
            const revision = is === 'now' ? revisionOf(placeOf(n)) : is === 'absent' ? 0n : 99_999n;
            return { ...placeOf(n), revision };
          }),
          ...(wantsEmpty ? [empty] : []),
        ],
        writes: writes.map(writeOf),
      });

      for (const round of rounds) {
        const group = openGroup();
        for (const each of round) group.add(decisionOf(each), operation(each.requestId));
        const expected = group.items.map(({ decision, operation: { requestId = '' } = {} }) =>
          used.has(requestId) ? 'repeated' : decision.compares.every(holds) ? 'committed' : 'conflict',
        );
        const outcomes = await store.commitGroup(group);
        expect(outcomes.map(({ outcome }) => outcome)).toEqual(expected);

        // One after the other: whatever one compares and writes is as before the group, but for a slab cut alike.
        const before = new Map(stands);
        for (const [at, { decision, operation: { requestId = '' } = {} }] of group.items.entries()) {
          const outcome = outcomes[at];
          if (outcome?.outcome !== 'committed') continue;
          used.add(requestId);
          for (const write of decision.writes) {
            const now = stands.get(nameOf(write));
            if (now === before.get(nameOf(write))) continue;
            expect(write.kind).toBe('slab');
            expect(now?.write).toEqual(write);
          }
          for (const compare of decision.compares) {
            const cut = decision.writes.some((write) => nameOf(write) === nameOf(compare));
            if (!cut) expect(holds(compare)).toBe(true);
          }
          for (const write of decision.writes) {
            if (write.op === 'delete') stands.delete(nameOf(write));
            else stands.set(nameOf(write), { revision: outcome.revision, write });
          }
        }
      }

      const { head } = store.follower();
      await head.reached(await store.currentRevision(), new AbortController().signal);
      const { allocations, slabs } = head.snapshot();
      const held = (kind: string, of: Iterable<[string, Stored<unknown>]>) =>
        Array.from(of, ([id, { revision, record: it }]) => [`${kind}/${id}`, revision, it] as const);
      const naive = Array.from(stands, ([name, { revision, write }]) => [
        name,
        revision,
        'record' in write && write.record,
      ]);
      expect([...held('allocation', allocations), ...held('slab', slabs)].toSorted()).toEqual(naive.toSorted());
    }),
    { numRuns: 500 },
  );
});
