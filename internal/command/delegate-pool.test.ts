import { describe, expect, test } from 'vitest';
import { standingPool } from '#internal/model/model.ts';
import { poolBook } from '#internal/testkit/pool-requests.ts';

const pool = '44.60.0.0/22';
const id = '4-2c3c0000-22';
const popId = 'p2';
const fresh = () => {
  const book = poolBook();
  book.commit(book.create({ prefix: pool, quarantineSeconds: 120 }));
  return book;
};

describe('a block is not delegated', () => {
  const book = fresh();
  book.commit(book.allocate('ada', { prefix: '44.60.0.7/32' }));
  book.commit(book.reserve({ pool, prefix: '44.60.3.0/28' }));
  book.commit(book.delegate({ pool, prefix: '44.60.1.0/28', popId }));
  book.commit(book.create({ prefix: '44.70.0.0/24' }));
  book.commit(book.update({ pool: '44.70.0.0/24', frozen: true }));
  book.commit(book.create({ prefix: '44.71.0.0/30' }));
  const cases: readonly (readonly [reason: string, asked: Parameters<typeof book.delegate>[0], message: string])[] = [
    ['not-found', { pool: '44.99.0.0/24', popId, length: 26 }, 'pool: "44.99.0.0/24" is no pool of this network'],
    ['not-found', { pool, popId: 'p9', length: 26 }, 'pool.pop_id: "p9" is no PoP of this network'],
    ['required', { pool, length: 26 }, 'pool.pop_id: is missing'],
    ['required', { pool, popId }, 'pool.length: is missing (a length, or a prefix)'],
    ['invalid', { pool, popId, length: 22 }, 'pool.length: "22" is out of range (23 to 30)'],
    ['invalid', { pool, popId, length: 31 }, 'pool.length: "31" is out of range (23 to 30)'],
    ['invalid', { pool, popId, prefix: pool }, 'pool.length: "22" is out of range (23 to 30)'],
    ['invalid', { pool: '44.71.0.0/30', popId, length: 31 }, 'pool: "44.71.0.0/30" is as small as a pool can be (/30)'],
    [
      'invalid',
      { pool, popId, prefix: '44.60.2.0/24', length: 25 },
      'pool.length: "25" is not that of 44.60.2.0/24 (one of both alone)',
    ],
    ['misaligned', { pool, popId, prefix: '44.60.2.8/28' }, 'pool.prefix: "44.60.2.8/28" has host bits'],
    ['family-mismatch', { pool, popId, prefix: '2a00::/48' }, 'pool.prefix: "2a00::/48" is not of the pool\'s family'],
    ['outside-pool', { pool, popId, prefix: '44.61.0.0/24' }, 'pool.prefix: "44.61.0.0/24" lies outside of'],
    ['overlap', { pool, popId, prefix: '44.60.0.64/28' }, 'pool.prefix: "44.60.0.64/28" lies in 44.60.0.0/24'],
    ['overlap', { pool, popId, prefix: '44.60.0.0/24' }, 'pool.prefix: "44.60.0.0/24" holds 44.60.0.0/24'],
    ['taken', { pool, popId, prefix: '44.60.1.0/28' }, 'pool.prefix: "44.60.1.0/28" is taken'],
    ['reserved', { pool, popId, prefix: '44.60.3.0/26' }, 'pool.prefix: "44.60.3.0/26" is reserved'],
    ['reserved', { pool, popId, prefix: '44.60.3.0/24' }, 'pool.prefix: "44.60.3.0/24" is reserved'],
    ['pool-exhausted', { pool, popId, length: 23 }, 'pool.length: "44.60.0.0/22" has no free /23 left'],
    ['frozen', { pool: '44.70.0.0/24', popId, length: 26 }, 'pool: "44.70.0.0/24" gives nothing new: frozen'],
  ];
  test.each(cases.map(([refused, asked, message]) => ({ refused, asked, message })))('$refused: $message', (row) => {
    const { refused, message } = row;
    expect(book.delegate(row.asked)).toMatchObject({
      refused,
      message: expect.stringContaining(message) as string,
    });
  });

  test('when its prefix is one that another pool was created with', () => {
    const grown = poolBook();
    grown.commit(grown.create({ prefix: '44.60.0.0/24' }));
    grown.commit(grown.resize({ pool: '44.60.0.0/24', prefix: pool }));
    expect(grown.delegate({ pool, popId, prefix: '44.60.0.0/24' })).toMatchObject({ refused: 'already-exists' });
    expect(grown.commit(grown.delegate({ pool, popId, prefix: '44.60.1.0/24' }))).toBeDefined();
  });
});

test('a part of a slab is an allocation of the parent, whole slabs are its slabs; both are pools that stand', () => {
  const book = fresh();
  book.commit(book.delegate({ pool, popId, length: 26, description: 'town' }));
  book.commit(book.delegate({ pool, popId: 'p3', length: 23 }));
  const [part, slabs] = ['4-2c3c0000-26', '4-2c3c0200-23'];
  expect(book.snapshot.pools.get(part)?.record).toMatchObject({
    prefix: '44.60.0.0/26',
    parentPoolId: id,
    homePopId: 'p2',
    realmId: 'internet',
    slabLength: 26,
    quarantineSeconds: 120,
    description: 'town',
  });
  expect(book.snapshot.allocations.get(`${id}/2c3c0000`)?.record).toMatchObject({ delegatedPoolId: part, owner: '' });
  for (const slab of ['2c3c0200', '2c3c0300']) {
    expect(book.snapshot.slabs.get(`${id}/${slab}`)?.record).toMatchObject({
      delegatedPoolId: slabs,
      homePopId: 'p3',
      unitLength: 24,
    });
  }
  for (const child of [part, slabs]) expect(standingPool(book.snapshot, child)).toBeDefined();
});

test('delegations nest, and each gives only from what is its own', () => {
  const book = fresh();
  book.commit(book.delegate({ pool, popId, length: 23 }));
  book.commit(book.delegate({ pool: '44.60.0.0/23', popId: 'p3', prefix: '44.60.1.0/24' }));
  book.commit(book.delegate({ pool: '44.60.1.0/24', popId: 'p1', prefix: '44.60.1.32/27' }));
  expect(book.commit(book.allocate('ada', { pool: '44.60.1.32/27', prefix: '44.60.1.40/29' }))).toBeDefined();
  for (const above of [pool, '44.60.0.0/23', '44.60.1.0/24']) {
    expect(book.allocate('bob', { pool: above, prefix: '44.60.1.56/29' })).toMatchObject({ refused: 'overlap' });
  }
  expect(book.remove({ pool: '44.60.0.0/23' })).toMatchObject({
    refused: 'has-children',
    message: 'pool: "44.60.0.0/23" has 1 delegations (delete them first)',
    obstacles: ['44.60.1.0/24 delegated to p3'],
  });
});

test('what is delegated is given to nobody else at the same moment, and the other way round [A7]', () => {
  for (const length of [26, 24]) {
    const one = fresh();
    const [delegated, given] = [one.delegate({ pool, popId, length }), one.allocate('ada', { pool, length: 32 })];
    expect(one.commit(delegated)).toBeDefined();
    expect(one.commit(given)).toBeUndefined();
    const other = fresh();
    const [late, early] = [other.delegate({ pool, popId, length }), other.allocate('ada', { pool, length: 32 })];
    expect(other.commit(early)).toBeDefined();
    expect(other.commit(late)).toBeUndefined();
  }
});

test('nothing that waits in quarantine is delegated, even where it waits for nobody', () => {
  const book = fresh();
  book.commit(book.create({ prefix: '44.70.0.0/24' }));
  book.commit(book.allocate('ada', { pool, prefix: '44.60.0.0/26' }));
  book.commit(book.drain({ pool, toPool: '44.70.0.0/24', move: 1 }));
  book.commit(book.update({ pool, frozen: false }));
  book.commit(book.delegate({ pool, popId: 'p1', length: 26 }));
  expect(book.snapshot.pools.has('4-2c3c0040-26')).toBe(true);
  expect(book.delegate({ pool, popId, prefix: '44.60.0.0/26' })).toMatchObject({ refused: 'taken' });
});

test('a delegation that is deleted gives its block back', () => {
  const book = fresh();
  for (const length of [26, 24]) {
    book.commit(book.delegate({ pool, popId, length }));
  }
  book.commit(book.remove({ pool: '44.60.0.0/26' }));
  book.commit(book.remove({ pool: '44.60.1.0/24' }));
  expect([...book.snapshot.slabs.keys()]).toEqual([`${id}/2c3c0000`]);
  expect(book.snapshot.allocations.size).toBe(0);
  expect(book.commit(book.allocate('ada', { prefix: '44.60.0.0/26' }))).toBeDefined();
});
