import { expect, test } from 'vitest';
import { standingPrefixes } from '#internal/model/model.ts';
import { poolBook, scanOf } from '#internal/testkit/pool-requests.ts';

const [pool, toPool] = ['44.60.0.0/24', '44.60.1.0/24'];
const id = '4-2c3c0000-24';
const fresh = (quarantineSeconds = 60) => {
  const book = poolBook();
  book.commit(book.create({ prefix: pool, quarantineSeconds }));
  book.commit(book.create({ prefix: toPool }));
  return book;
};

const refusals = fresh();
refusals.commit(refusals.create({ prefix: '2a00:44::/48' }));
refusals.commit(refusals.create({ prefix: '44.61.0.0/24' }));
refusals.commit(refusals.update({ pool: '44.61.0.0/24', frozen: true }));
refusals.commit(refusals.delegate({ pool, length: 26, popId: 'p2' }));
const cases: readonly (readonly [reason: string, asked: Parameters<typeof refusals.drain>[0], message: string])[] = [
  ['not-found', { pool: '44.99.0.0/24', toPool }, 'pool: "44.99.0.0/24" is no pool of this network'],
  ['required', { pool }, 'to_pool: is missing'],
  ['not-found', { pool, toPool: '44.99.0.0/24' }, 'to_pool: "44.99.0.0/24" is no pool of this network'],
  ['invalid', { pool, toPool: pool }, 'to_pool: "44.60.0.0/24" is the pool itself (another pool)'],
  ['invalid', { pool, toPool, move: 17 }, 'move: "17" is out of range (0 to 16)'],
  ['family-mismatch', { pool, toPool: '2a00:44::/48' }, 'to_pool: "2a00:44::/48" is no IPv4 pool'],
  ['overlap', { pool, toPool: '44.60.0.0/26' }, 'to_pool: "44.60.0.0/26" is a delegation out of it'],
  ['frozen', { pool, toPool: '44.61.0.0/24' }, 'to_pool: "44.61.0.0/24" gives nothing new: frozen'],
  ['stale-etag', { pool, toPool, change: { etag: '1' } }, 'change.etag: "1" is not the etag any more'],
];
test.each(cases.map(([refused, asked, message]) => ({ refused, asked, message })))('$refused: $message', (row) => {
  const { refused, message } = row;
  expect(refusals.drain(row.asked)).toMatchObject({ refused, message: expect.stringContaining(message) as string });
});

test('a pool that is drained gives nothing more, and the other one serves who names it', () => {
  const book = fresh();
  const late = book.allocate('ada', { pool });
  book.commit(book.drain({ pool, toPool }));
  expect(book.snapshot.pools.get(id)?.record).toMatchObject({ frozen: true, drainToPoolId: '4-2c3c0100-24' });
  expect(book.commit(late)).toBeUndefined();
  book.commit(book.allocate('ada', { pool }));
  expect([...book.snapshot.allocations.keys()]).toEqual(['4-2c3c0100-24/2c3c0101']);
  book.commit(book.update({ pool, frozen: false }));
  expect(book.snapshot.pools.get(id)?.record).toMatchObject({ frozen: false, drainToPoolId: '' });
});

test('the lowest go first, of the same size to the same holder, and the tunnels with them', () => {
  const book = fresh();
  book.commit(book.tunnel({ owner: 'ada', name: 'boat', wishes: [{ pool, count: 2 }] }));
  book.commit(book.allocate('bob', { pool }));
  book.commit(book.allocate('bob', { pool }));
  book.commit(book.release('bob', '44.60.0.4/32'));
  const [tunnel] = book.snapshot.tunnels.values();
  const id = tunnel?.record.id ?? '';
  const outcome = book.drain({ pool, toPool, move: 3 });
  expect(outcome).toMatchObject({
    response: {
      moves: [
        { fromPrefix: '44.60.0.1/32', toPrefix: '44.60.1.1/32', tunnelId: id, owner: 'ada' },
        { fromPrefix: '44.60.0.2/32', toPrefix: '44.60.1.2/32', tunnelId: id, owner: 'ada' },
        { fromPrefix: '44.60.0.3/32', toPrefix: '44.60.1.3/32', tunnelId: '', owner: 'bob' },
      ],
      remaining: 0n,
      obstacles: [],
    },
  });
  book.commit(outcome);
  const moved = book.snapshot.tunnels.get(id)?.record;
  expect(moved?.prefixes.map(({ prefix }) => prefix)).toEqual(['44.60.1.1/32', '44.60.1.2/32']);
  expect(moved && standingPrefixes(book.snapshot, moved)).toHaveLength(2);
  // Whoever was renumbered does not get the old one back, nobody else does either before its time.
  expect(book.snapshot.quarantined.get('4-2c3c0000-24/2c3c0001')?.record).toMatchObject({ owner: '', tunnelId: '' });
  expect(book.snapshot.quarantined.size).toBe(4);
  expect(scanOf(book.snapshot, undefined, new Date(0)).findings).toEqual([]);
});

test('without a quarantine what was left is free at once', () => {
  const book = fresh(0);
  book.commit(book.allocate('ada', { pool }));
  book.commit(book.drain({ pool, toPool, move: 1 }));
  expect([...book.snapshot.allocations.keys()]).toEqual(['4-2c3c0100-24/2c3c0101']);
});

test('what cannot be moved is named, and moves go as far as there is room', () => {
  const book = poolBook();
  book.commit(book.create({ prefix: pool }));
  book.commit(book.create({ prefix: '44.60.1.0/28' }));
  book.commit(book.delegate({ pool, length: 32 - 4, popId: 'p2' }));
  expect(book.drain({ pool, toPool: '44.60.1.0/28' })).toMatchObject({
    response: { remaining: 1n, obstacles: ['44.60.0.0/28 delegated to p2'] },
  });
  const full = poolBook();
  full.commit(full.create({ prefix: pool }));
  full.commit(full.create({ prefix: '44.60.1.0/28' }));
  full.commit(full.reserve({ pool, prefix: '44.60.0.128/28' }));
  for (const owner of ['ada', 'bob']) full.commit(full.allocate(owner, { pool, count: 10 }));
  const outcome = full.drain({ pool, toPool: '44.60.1.0/28', move: 16 });
  expect(outcome).toMatchObject({
    response: { remaining: 5n, obstacles: ['44.60.0.128/28 reserved for nobody'] },
  });
  full.commit(outcome);
  expect(full.drain({ pool, toPool: '44.60.1.0/28', move: 1 })).toMatchObject({ refused: 'pool-exhausted' });
});

test('a move loses against a change of its tunnel [A7]', () => {
  const book = fresh();
  book.commit(book.tunnel({ owner: 'ada', name: 'boat', wishes: [{ pool }] }));
  const [tunnel] = book.snapshot.tunnels.values();
  const drained = book.drain({ pool, toPool, move: 1 });
  const record = tunnel?.record;
  if (record === undefined) throw new TypeError('no tunnel');
  book.commit({ decision: { compares: [], writes: [{ op: 'put', kind: 'tunnel', id: record.id, record }] } });
  expect(book.commit(drained)).toBeUndefined();
});
