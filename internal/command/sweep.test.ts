import { expect, test } from 'vitest';
import { poolBook } from '#internal/testkit/pool-requests.ts';
import { sweepPool } from './command.ts';

const pool = '44.60.0.0/24';
const id = '4-2c3c0000-24';
// The commands' own time is 1,760,000,000 s.
const at = (seconds: number): Date => new Date((1_760_000_000 + seconds) * 1_000);

function released(count: number) {
  const book = poolBook();
  for (const prefix of [pool, '44.60.1.0/24']) book.commit(book.create({ prefix, quarantineSeconds: 60 }));
  for (let n = 0; n < count; n += 16) {
    const prefixes = Array.from({ length: Math.min(16, count - n) }, (_, some) => `44.60.0.${1 + n + some}/32`);
    book.commit(book.allocate('ada', ...prefixes.map((prefix) => ({ prefix }))));
    book.commit(book.release('ada', ...prefixes));
  }
  return book;
}

test('what was released becomes free when its time is over, and not before', () => {
  const book = released(2);
  expect(sweepPool(book.snapshot, id, at(59))).toBeUndefined();
  expect(sweepPool(book.snapshot, '4-2c3c0100-24', at(60))).toBeUndefined();
  const decision = sweepPool(book.snapshot, id, at(60));
  expect(decision?.writes).toEqual([
    { op: 'delete', kind: 'allocation', id: `${id}/2c3c0001` },
    { op: 'delete', kind: 'allocation', id: `${id}/2c3c0002` },
  ]);
  expect(book.commit({ decision })).toBeDefined();
  expect(book.snapshot.quarantined.size).toBe(0);
  expect(sweepPool(book.snapshot, id, at(600))).toBeUndefined();
});

test('a hundred go at once, the lowest first', () => {
  const book = released(120);
  const first = sweepPool(book.snapshot, id, at(60));
  expect(first?.writes).toHaveLength(100);
  book.commit({ decision: first });
  expect(sweepPool(book.snapshot, id, at(60))?.writes).toHaveLength(20);
});

test('what its owner took up again meanwhile stays', () => {
  const book = released(1);
  const decision = sweepPool(book.snapshot, id, at(60));
  book.commit(book.allocate('ada', { pool }));
  expect(book.snapshot.allocations.get(`${id}/2c3c0001`)?.record.owner).toBe('ada');
  expect(book.commit({ decision })).toBeUndefined();
});
