import { describe, expect, test } from 'vitest';
import { poolBook } from '#internal/testkit/pool-requests.ts';

const pool = '44.60.0.0/22';
const id = '4-2c3c0000-22';
const fresh = () => {
  const book = poolBook();
  book.commit(book.create({ prefix: pool }));
  return book;
};

describe('a part is not reserved', () => {
  const book = fresh();
  book.commit(book.allocate('ada', { prefix: '44.60.0.9/32' }, { prefix: '44.60.0.10/32' }));
  book.commit(book.release('ada', '44.60.0.10/32'));
  book.commit(book.allocate('bob', { prefix: '44.60.1.0/28' }));
  book.commit(book.delegate({ pool, prefix: '44.60.2.0/24', popId: 'p2' }));
  book.commit(book.reserve({ pool, prefix: '44.60.3.0/28', owner: 'ada' }));
  const cases: readonly (readonly [reason: string, asked: Parameters<typeof book.reserve>[0], message: string])[] = [
    ['not-found', { pool: '44.99.0.0/24', prefix: '44.99.0.0/28' }, 'pool: "44.99.0.0/24" is no pool'],
    ['required', { pool }, 'reservation.prefix: is missing'],
    ['misaligned', { pool, prefix: '44.60.3.24/28' }, 'reservation.prefix: "44.60.3.24/28" has host bits'],
    ['family-mismatch', { pool, prefix: '2a00::/64' }, 'reservation.prefix: "2a00::/64" is not of the pool'],
    ['outside-pool', { pool, prefix: '44.60.0.0/21' }, 'reservation.prefix: "44.60.0.0/21" lies outside of'],
    ['invalid', { pool, prefix: '44.60.3.32/28', owner: 'a b' }, 'reservation.owner: "a b" is not an owner'],
    ['invalid', { pool, prefix: '44.60.3.32/28', description: 'a\nb' }, 'reservation.description: "a\\nb" has control'],
    ['overlap', { pool, prefix: '44.60.3.0/24' }, '"44.60.3.0/24" overlaps the reservation 44.60.3.0/28'],
    ['overlap', { pool, prefix: '44.60.3.8/32', owner: 'ada' }, 'overlaps the reservation 44.60.3.0/28'],
    ['in-use', { pool, prefix: '44.60.0.8/29' }, 'reservation.prefix: "44.60.0.8/29" is in use'],
    ['in-use', { pool, prefix: '44.60.0.8/29', owner: 'bob' }, 'is in use by others than bob'],
    ['in-use', { pool, prefix: '44.60.1.4/32', owner: 'ada' }, 'is in use by others than ada'],
    ['in-use', { pool, prefix: '44.60.2.0/28', owner: 'ada' }, 'is in use by others than ada'],
  ];
  test.each(cases.map(([refused, asked, message]) => ({ refused, asked, message })))('$refused: $message', (row) => {
    const { refused, message } = row;
    expect(book.reserve(row.asked)).toMatchObject({ refused, message: expect.stringContaining(message) as string });
  });

  test('and what is in the way is named', () => {
    expect(book.reserve({ pool, prefix: '44.60.0.0/23', owner: 'bob' })).toMatchObject({
      obstacles: ['44.60.0.9/32 held by ada', '44.60.0.10/32 in quarantine until 2025-10-10T08:53:20.000Z (ada)'],
    });
    expect(book.reserve({ pool, prefix: '44.60.2.0/28' })).toMatchObject({
      obstacles: ['44.60.2.0/24 delegated to p2'],
    });
  });
});

test('what is reserved is given to its owner who asks for it, and to nobody else', () => {
  const book = fresh();
  book.commit(book.reserve({ pool, prefix: '44.60.0.0/28', owner: 'ada' }));
  expect(book.snapshot.reservations.get(`${id}/2c3c0000-28`)?.record).toMatchObject({ owner: 'ada', poolId: id });
  book.commit(book.allocate('ada', { pool }));
  expect(book.snapshot.allocations.has(`${id}/2c3c0010`)).toBe(true);
  expect(book.allocate('bob', { prefix: '44.60.0.3/32' })).toMatchObject({ refused: 'reserved' });
  expect(book.commit(book.allocate('ada', { prefix: '44.60.0.3/32' }))).toBeDefined();
  expect(book.unreserve({ pool, prefix: '44.60.0.0/29' })).toMatchObject({ refused: 'not-found' });
  const stale = book.unreserve({ pool, prefix: '44.60.0.0/28', change: { etag: '1' } });
  expect(stale).toMatchObject({ refused: 'stale-etag' });
  book.commit(book.unreserve({ pool, prefix: '44.60.0.0/28' }));
  expect(book.commit(book.allocate('bob', { prefix: '44.60.0.4/32' }))).toBeDefined();
});

describe('a reservation and an allocation of the same moment: one commits [A7]', () => {
  const places: readonly (readonly [name: string, had: readonly string[], reserved: string, wanted: string])[] = [
    ['where nothing was', [], '44.60.0.0/28', '44.60.0.3/32'],
    ['in a slab with something else', ['44.60.0.99/32'], '44.60.0.0/28', '44.60.0.3/32'],
    ['beside what its owner has there', ['44.60.0.4/32', '44.60.0.5/32'], '44.60.0.0/28', '44.60.0.3/32'],
    ['over several slabs', ['44.60.0.4/32'], '44.60.0.0/23', '44.60.1.0/29'],
    ['inside of a larger unit', ['44.60.0.64/28'], '44.60.0.8/32', '44.60.0.0/28'],
    ['of the very unit', ['44.60.0.64/28'], '44.60.0.0/28', '44.60.0.0/28'],
    ['over the whole pool', ['44.60.0.4/32'], pool, '44.60.3.9/32'],
  ];
  test.each(places.map(([name, had, reserved, wanted]) => ({ name, had, reserved, wanted })))('$name', (row) => {
    for (const first of ['reservation', 'allocation']) {
      const book = fresh();
      for (const prefix of row.had) book.commit(book.allocate('ada', { prefix }));
      const reserved = book.reserve({ pool, prefix: row.reserved, owner: 'ada' });
      const given = book.allocate('bob', { prefix: row.wanted });
      const [winner, loser] = first === 'reservation' ? [reserved, given] : [given, reserved];
      expect(book.commit(winner)).toBeDefined();
      expect(book.commit(loser)).toBeUndefined();
    }
  });

  test('more of its owner than can be checked at once says so', () => {
    const book = poolBook();
    book.commit(book.create({ prefix: '2a00:44::/40' }));
    for (const n of ['1:2:3', '5:6:7', 'a:b:c']) {
      book.commit(book.allocate('ada', { prefix: `2a00:44:${n.split(':')[0]}:${n.split(':')[1]}::/64` }));
    }
    const outcome = book.reserve({ pool: '2a00:44::/40', prefix: '2a00:44::/40', owner: 'ada' });
    expect(outcome).toMatchObject({ refused: 'in-use', cure: 'reserve it in smaller parts' });
    expect(book.commit(book.reserve({ pool: '2a00:44::/40', prefix: '2a00:44:1::/48', owner: 'ada' }))).toBeDefined();
  });
});
