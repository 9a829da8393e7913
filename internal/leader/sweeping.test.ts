import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { realClock } from '#internal/clock/clock.ts';
import { AllocationSchema, OperationSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { Write } from '#internal/model/record.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { memoryStore } from '#internal/testkit/memory-store.ts';
import { sweepAgainAndAgain } from './sweeping.ts';

const poolId = '4-2c1f0000-22';
const key = '/pop44/election/v1/leader/test';

/** Number n of the pool: released, and due that many milliseconds from now. */
function released(n: number, dueMs: number): Write {
  const id = `${poolId}/${(0x2c1f0000 + n).toString(16)}`;
  const record = create(AllocationSchema, {
    poolId,
    prefix: `44.31.${n >> 8}.${n & 255}/32`,
    owner: 'ada',
    quarantinedUntil: timestampFromDate(new Date(Date.now() + dueMs)),
  });
  return { op: 'put', kind: 'allocation', id, record };
}

test("a leader frees what is due, however much it is, and nothing else's time is cut short", async () => {
  const store = memoryStore();
  const { head } = store.follower();
  const writes = Array.from({ length: 250 }, (_, n) => released(n, n < 240 ? -1_000 : 3_600_000));
  for (let at = 0; at < writes.length; at += 50) {
    const operation = create(OperationSchema, { requestId: `put-${at}`, method: '/put' });
    await store.commit({ compares: [], writes: writes.slice(at, at + 50) }, operation);
  }
  await eventually(() => head.snapshot().allocations.size === 250, 1_000);
  const ended = new AbortController();
  const failures: unknown[] = [];
  let ids = 0;
  const sweeping = sweepAgainAndAgain(
    {
      nodeId: 'p1',
      clock: realClock,
      head,
      store,
      fences: () => [{ poolId, key, createRevision: 1n }],
      newId: () => `sweep-${(ids += 1)}`,
      failed: (thrown) => failures.push(thrown),
    },
    ended.signal,
  );
  await eventually(() => head.snapshot().allocations.size === 10, 2_000);
  ended.abort(new Error('over'));
  await sweeping;
  expect(failures).toEqual([]);
  expect((await store.readOperation('sweep-1'))?.operation).toMatchObject({ principal: 'node/p1', method: 'sweep' });
});
