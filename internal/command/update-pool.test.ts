import { expect, test } from 'vitest';
import { poolBook } from '#internal/testkit/pool-requests.ts';

const pool = '44.60.0.0/24';
const id = '4-2c3c0000-24';
const book = poolBook();
book.commit(book.create({ prefix: pool, description: 'old', homePopId: 'p1', quarantineSeconds: 60 }));

const cases: readonly (readonly [reason: string, asked: Parameters<typeof book.update>[0], message: string])[] = [
  ['not-found', { pool: '44.99.0.0/24', frozen: true }, 'pool: "44.99.0.0/24" is no pool of this network'],
  ['required', { pool }, 'pool: "44.60.0.0/24" is given nothing to change'],
  ['stale-etag', { pool, frozen: true, change: { etag: '1' } }, 'change.etag: "1" is not the etag any more'],
  ['invalid', { pool, description: 'a\u202eb' }, 'pool.description: "a\\u{202e}b" has control or invisible characters'],
  ['invalid', { pool, quarantineSeconds: 2_592_001 }, 'pool.quarantine_seconds: "2592001" is out of range'],
  ['not-found', { pool, homePopId: 'p9' }, 'pool.home_pop_id: "p9" is no PoP of this network'],
];
test.each(cases.map(([refused, asked, message]) => ({ refused, asked, message })))('$refused: $message', (row) => {
  const { refused, message } = row;
  expect(book.update(row.asked)).toMatchObject({ refused, message: expect.stringContaining(message) as string });
});

test('fields that are not named stay, and an empty home is none', () => {
  book.commit(book.update({ pool, quarantineSeconds: 0 }));
  expect(book.snapshot.pools.get(id)?.record).toMatchObject({
    description: 'old',
    homePopId: 'p1',
    quarantineSeconds: 0,
    frozen: false,
  });
  book.commit(book.update({ pool, homePopId: '', description: '' }));
  expect(book.snapshot.pools.get(id)?.record).toMatchObject({ description: '', homePopId: '', quarantineSeconds: 0 });
});

test('freezing and an allocation of the same moment: one commits [A7]', () => {
  const [frozen, given] = [book.update({ pool, frozen: true }), book.allocate('ada', { pool })];
  expect(book.commit(frozen)).toBeDefined();
  expect(book.commit(given)).toBeUndefined();
  expect(book.allocate('ada', { pool })).toMatchObject({ refused: 'frozen' });
});
