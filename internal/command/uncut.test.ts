import { expect, test } from 'vitest';
import { freeIndexOf } from '#internal/allocator/allocator.ts';
import { poolBook } from '#internal/testkit/pool-requests.ts';
import { uncutSlabs } from './command.ts';

const pool = '44.60.0.0/23';
const id = '4-2c3c0000-23';

/** A pool whose released prefixes are free at once. */
function book() {
  const made = poolBook();
  made.commit(made.create({ prefix: pool, quarantineSeconds: 0 }));
  return made;
}
const uncut = (made: ReturnType<typeof book>) => uncutSlabs(made.snapshot, freeIndexOf(made.snapshot), id);

test('a slab in which nothing lies can be cut for another unit size', () => {
  const made = book();
  made.commit(made.allocate('ada', { pool, length: 29 }));
  made.commit(made.allocate('ada', { pool, length: 28 }));
  expect(uncut(made)).toBeUndefined();
  made.commit(made.release('ada', '44.60.0.0/29'));
  expect(made.allocate('ada', { pool, length: 32 })).toMatchObject({ refused: 'pool-exhausted' });
  const decision = uncut(made);
  expect(decision?.writes).toEqual([{ op: 'delete', kind: 'slab', id: `${id}/2c3c0000` }]);
  expect(made.commit({ decision })).toBeDefined();
  expect(made.commit(made.allocate('ada', { pool, length: 32 }))).toBeDefined();
  expect(made.snapshot.slabs.get(`${id}/2c3c0000`)?.record.unitLength).toBe(32);
});

test('one in which something lies, in quarantine or as a delegation too, stays', () => {
  const made = poolBook();
  made.commit(made.create({ prefix: pool, quarantineSeconds: 60 }));
  made.commit(made.allocate('ada', { pool, length: 29 }));
  made.commit(made.release('ada', '44.60.0.0/29'));
  made.commit(made.delegate({ pool, length: 24, popId: 'p2' }));
  expect(made.snapshot.slabs.size).toBe(2);
  expect(uncut(made)).toBeUndefined();
});

test('an allocation that came meanwhile keeps its slab [A7]', () => {
  const made = book();
  made.commit(made.allocate('ada', { pool, length: 32 }));
  made.commit(made.release('ada', '44.60.0.1/32'));
  const decision = uncut(made);
  expect(decision).toBeDefined();
  made.commit(made.allocate('eve', { pool, length: 32 }));
  expect(made.commit({ decision })).toBeUndefined();
});

test('an allocation that was decided before comes too late [A7]', () => {
  const made = book();
  made.commit(made.allocate('ada', { pool, length: 32 }));
  made.commit(made.release('ada', '44.60.0.1/32'));
  const late = made.allocate('eve', { pool, length: 32 });
  made.commit({ decision: uncut(made) });
  expect(made.commit(late)).toBeUndefined();
});
