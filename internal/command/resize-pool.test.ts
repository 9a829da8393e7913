import { describe, expect, test } from 'vitest';
import { poolBook } from '#internal/testkit/pool-requests.ts';

const id = '4-2c3c0400-22';
/** 44.60.4.0/22, with a delegation of a slab, one of a part, a reservation, one address held and one in quarantine. */
function full() {
  const book = poolBook();
  book.commit(book.create({ prefix: '44.60.4.0/22' }));
  book.commit(book.allocate('ada', { prefix: '44.60.5.7/32' }, { prefix: '44.60.5.8/32' }));
  book.commit(book.release('ada', '44.60.5.8/32'));
  book.commit(book.delegate({ pool: id, prefix: '44.60.6.0/24', popId: 'p2' }));
  book.commit(book.delegate({ pool: id, prefix: '44.60.7.64/26', popId: 'p3' }));
  book.commit(book.reserve({ pool: id, prefix: '44.60.7.0/28', owner: 'bob' }));
  return book;
}

describe('a pool is not resized', () => {
  const book = full();
  const cases: readonly (readonly [reason: string, prefix: string, message: string])[] = [
    ['required', '', 'pool.prefix: is missing (a prefix like 44.31.0.0/22 or 2001:db8:44::/48)'],
    ['host-bits', '44.60.4.0/21', 'pool.prefix: "44.60.4.0/21" has host bits (the prefix is 44.60.0.0/21)'],
    [
      'family-mismatch',
      '2a00:44::/32',
      'pool.prefix: "2a00:44::/32" is no IPv4 prefix (one around 44.60.4.0/22 or in it)',
    ],
    ['invalid', '44.60.4.0/22', 'pool.prefix: "44.60.4.0/22" is the prefix that it has (a larger or a smaller one)'],
    [
      'invalid',
      '44.60.8.0/22',
      'pool.prefix: "44.60.8.0/22" neither holds 44.60.4.0/22 nor lies in it (another pool for what lies elsewhere)',
    ],
    ['invalid', '44.60.4.0/25', 'pool.prefix: "44.60.4.0/25" is smaller than one of its slabs (at most /24)'],
    [
      'invalid',
      '44.0.0.0/7',
      'pool.prefix: "44.0.0.0/7" is more than the pool can grow to (at most 44.0.0.0/8; another pool for the rest)',
    ],
    [
      'excluded-space',
      '44.0.0.0/8',
      'pool.prefix: "44.0.0.0/8" meets 44.192.0.0/10: sold in 2019, no longer amateur radio, ARDC (public address space that is yours)',
    ],
    [
      'overlap',
      '44.0.0.0/10',
      `pool.prefix: "44.0.0.0/10" holds 44.27.0.3/32, the endpoint of PoP p3 (a pool holds none of the fabric's own addresses)`,
    ],
  ];
  test.each(cases)('%s: %s', (refused, prefix, message) => {
    expect(book.resize({ pool: id, prefix })).toMatchObject({ refused, message });
  });

  test('when it is a delegation: that is as large as what it was given', () => {
    expect(book.resize({ pool: '44.60.6.0/24', prefix: '44.60.6.0/23' })).toMatchObject({
      refused: 'invalid',
      message:
        'pool.prefix: "44.60.6.0/23" is not what was delegated: 44.60.6.0/24 (a delegation keeps its size; delegate another block)',
    });
  });

  test('beyond 64 times of what it was created with, in IPv6', () => {
    const six = poolBook();
    six.commit(six.create({ prefix: '2a00:44:8000::/40' }));
    expect(six.resize({ pool: '2a00:44:8000::/40', prefix: '2a00:44::/32' })).toMatchObject({ refused: 'invalid' });
    expect(six.commit(six.resize({ pool: '2a00:44:8000::/40', prefix: '2a00:44:8000::/34' }))).toBeDefined();
  });

  test('below its use, and everything in the way is named: below-use', () => {
    expect(book.resize({ pool: id, prefix: '44.60.4.0/24' })).toMatchObject({
      refused: 'below-use',
      message:
        'pool.prefix: "44.60.4.0/24" would leave out what is in use: 5 prefixes (release, drain or take back what lies outside first)',
      obstacles: [
        '44.60.6.0/24 delegated to p2',
        '44.60.7.64/26 delegated to p3',
        '44.60.7.0/28 reserved for bob',
        '44.60.5.7/32 held by ada',
        '44.60.5.8/32 in quarantine until 2025-10-10T08:53:20.000Z (ada)',
      ],
    });
  });

  test('with more than twenty obstacles only twenty are told', () => {
    const many = poolBook();
    many.commit(many.create({ prefix: '44.60.0.0/22' }));
    many.commit(many.allocate('ada', { pool: '44.60.0.0/22', count: 16 }));
    many.commit(many.allocate('bob', { pool: '44.60.0.0/22', count: 16 }));
    const outcome = many.resize({ pool: '44.60.0.0/22', prefix: '44.60.2.0/23' });
    expect(outcome).toMatchObject({ refused: 'below-use' });
    expect((outcome as { obstacles: readonly string[] }).obstacles).toHaveLength(20);
  });
});

test('a pool grows around its delegations, keeps its id and its slabs, and gives from what it gained', () => {
  const book = full();
  book.commit(book.resize({ pool: id, prefix: '44.60.0.0/21' }));
  expect(book.snapshot.pools.get(id)?.record).toMatchObject({ prefix: '44.60.0.0/21', slabLength: 24 });
  expect(book.commit(book.allocate('ada', { prefix: '44.60.0.9/32' }))).toBeDefined();
  expect(book.resize({ pool: '44.60.4.0/22', prefix: '44.60.0.0/20' })).toMatchObject({ refused: 'not-found' });
});

test('growing and creating over each other at once: one commits [A7]', () => {
  const book = full();
  const [grown, beside] = [book.resize({ pool: id, prefix: '44.60.0.0/21' }), book.create({ prefix: '44.60.0.0/24' })];
  expect(book.commit(grown)).toBeDefined();
  expect(book.commit(beside)).toBeUndefined();
});

describe('a pool that shrinks', () => {
  const empty = () => {
    const book = poolBook();
    book.commit(book.create({ prefix: '44.60.0.0/22', quarantineSeconds: 0 }));
    return book;
  };

  test('takes the empty slabs along that it leaves', () => {
    const book = empty();
    book.commit(book.allocate('ada', { prefix: '44.60.0.7/32' }, { prefix: '44.60.2.7/32' }));
    book.commit(book.release('ada', '44.60.2.7/32'));
    book.commit(book.resize({ pool: '44.60.0.0/22', prefix: '44.60.0.0/23' }));
    expect([...book.snapshot.slabs.keys()]).toEqual(['4-2c3c0000-22/2c3c0000']);
    expect(book.allocate('ada', { prefix: '44.60.2.7/32' })).toMatchObject({ refused: 'outside-pool' });
    expect(book.commit(book.create({ prefix: '44.60.2.0/23' }))).toBeDefined();
  });

  test('loses against an allocation that was committed since it looked, in a new slab and in an old one [A7]', () => {
    for (const cut of [false, true]) {
      const book = empty();
      if (cut) {
        book.commit(book.allocate('ada', { prefix: '44.60.3.1/32' }));
        book.commit(book.release('ada', '44.60.3.1/32'));
      }
      const [shrunk, given] = [
        book.resize({ pool: '44.60.0.0/22', prefix: '44.60.0.0/23' }),
        book.allocate('ada', { prefix: '44.60.3.7/32' }),
      ];
      expect(book.commit(given)).toBeDefined();
      expect(book.commit(shrunk)).toBeUndefined();
    }
  });

  test('wins against one that is committed after it, and against what else would come there [A7]', () => {
    const book = empty();
    const pool = '44.60.0.0/22';
    const late = [
      book.allocate('ada', { prefix: '44.60.3.7/32' }),
      book.delegate({ pool, prefix: '44.60.3.0/24', popId: 'p2' }),
      book.reserve({ pool, prefix: '44.60.3.0/28' }),
    ];
    expect(book.commit(book.resize({ pool, prefix: '44.60.0.0/23' }))).toBeDefined();
    for (const outcome of late) expect(book.commit(outcome)).toBeUndefined();
  });

  test('by more than can be checked at once says so', () => {
    const six = poolBook();
    six.commit(six.create({ prefix: '2a00::/20' }));
    expect(six.resize({ pool: '2a00::/20', prefix: '2a00::/48' })).toMatchObject({
      refused: 'invalid',
      message: 'pool.prefix: "2a00::/48" is too small a part of it to be checked at once (shrink it in several steps)',
    });
    six.commit(six.resize({ pool: '2a00::/20', prefix: '2a00::/32' }));
    expect(six.commit(six.resize({ pool: '2a00::/32', prefix: '2a00::/48' }))).toBeDefined();
  });
});
