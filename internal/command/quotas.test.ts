import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { SetQuotaRequestSchema } from '#internal/gen/pop44/v1/pools_pb.ts';
import type { Snapshot } from '#internal/model/model.ts';
import { commandContext } from '#internal/testkit/command-context.ts';
import { poolBook } from '#internal/testkit/pool-requests.ts';
import { openQuota, quotasOf, setQuota } from './command.ts';

const pool = '44.60.0.0/24';
const book = () => {
  const made = poolBook();
  made.commit(made.create({ prefix: pool, quarantineSeconds: 0 }));
  made.commit(made.create({ prefix: '2a00:44::/48' }));
  return made;
};
const set = (snapshot: Snapshot, owner: string, rest: object = {}) =>
  setQuota(snapshot, create(SetQuotaRequestSchema, { owner, ...rest }), commandContext(snapshot));
const open = (snapshot: Snapshot, owner: string, rest: object = {}) =>
  openQuota(snapshot, create(SetQuotaRequestSchema, { owner, ...rest }), commandContext(snapshot));

test.each([
  ['invalid', 'a b', {}, 'quota.owner: "a b" is not an owner'],
  ['stale-etag', 'ada', { change: { etag: '7' } }, 'change.etag: "7" is not the etag any more'],
])('%s', (refused, owner, rest, message) => {
  for (const command of [set, open]) {
    expect(command(book().snapshot, owner, rest)).toMatchObject({
      refused,
      message: expect.stringContaining(message) as string,
    });
  }
});

test('what an owner holds is counted in addresses and in networks, quarantine aside', () => {
  const made = book();
  made.commit(made.allocate('ada', { prefix: '44.60.0.8/29' }, { prefix: '2a00:44:0:100::/56' }));
  made.commit(open(made.snapshot, 'ada'));
  made.commit(set(made.snapshot, 'ada', { limit4: 9n }));
  expect(quotasOf(made.snapshot)).toMatchObject([
    { owner: '', used4: 0n },
    { owner: 'ada', limit4: 9n, used4: 8n, used6: 256n },
  ]);
  made.commit(made.release('ada', '44.60.0.8/29', '2a00:44:0:100::/56'));
  expect(quotasOf(made.snapshot)[1]).toMatchObject({ used4: 0n, used6: 0n });
  made.commit(set(made.snapshot, 'ada'));
  expect(made.snapshot.quotas.get('ada')?.record.limit4).toBeUndefined();
});

test('no allocation is missed by a count, whenever it commits [A7]', () => {
  for (const late of ['before the record', 'before the count']) {
    const made = book();
    const [given, record] = [made.allocate('ada', { pool }), open(made.snapshot, 'ada')];
    // Decided without a record, committed after it was made: refused by its absence.
    if (late === 'before the count') {
      made.commit(record);
      expect(made.commit(given)).toBeUndefined();
      const [counted, again] = [set(made.snapshot, 'ada', { limit4: 1n }), made.allocate('ada', { pool })];
      expect(made.commit(again)).toBeDefined();
      expect(made.commit(counted)).toBeUndefined();
    } else {
      // The record's own count misses it, and what sets limits counts anew.
      made.commit(given);
      made.commit(record);
      expect(made.snapshot.quotas.get('ada')?.record.used4).toBe(0n);
    }
    made.commit(set(made.snapshot, 'ada', { limit4: 1n }));
    expect(made.snapshot.quotas.get('ada')?.record).toMatchObject({ used4: 1n, limit4: 1n });
    expect(made.allocate('ada', { pool })).toMatchObject({ refused: 'quota-exceeded' });
  }
});

test('a limit of tunnels is set and taken away alone: who does not name it leaves it as it is [T1]', () => {
  const made = book();
  made.commit(set(made.snapshot, '', { limitTunnels: 3n }));
  made.commit(set(made.snapshot, 'ada', { limitTunnels: 9n }));
  made.commit(set(made.snapshot, '', { limit4: 1n }));
  made.commit(set(made.snapshot, 'ada', { limit4: 2n }));
  expect(quotasOf(made.snapshot)).toMatchObject([
    { owner: '', limit4: 1n, limitTunnels: 3n },
    { owner: 'ada', limit4: 2n, limitTunnels: 9n, usedTunnels: 0n },
  ]);
  made.commit(set(made.snapshot, '', { noLimitTunnels: true }));
  made.commit(set(made.snapshot, 'ada', { noLimitTunnels: true }));
  expect(quotasOf(made.snapshot).map(({ limitTunnels }) => limitTunnels)).toEqual([undefined, undefined]);
});

test('a default holds for those without a quota of their own, from the moment it is set [A7]', () => {
  const made = book();
  const late = made.allocate('ada', { pool, count: 2 });
  made.commit(set(made.snapshot, '', { limit4: 1n }));
  expect(quotasOf(made.snapshot)).toMatchObject([{ owner: '', limit4: 1n }]);
  expect(made.commit(late)).toBeUndefined();
  expect(made.allocate('ada', { pool, count: 2 })).toMatchObject({ refused: 'quota-exceeded' });
  expect(set(made.snapshot, '', { change: { etag: '1' } })).toMatchObject({ refused: 'stale-etag' });
  made.commit(set(made.snapshot, '', {}));
  expect(made.commit(made.allocate('ada', { pool, count: 2 }))).toBeDefined();
});
