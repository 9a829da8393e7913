import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Fault } from '#internal/errors/errors.ts';
import { rejected, sendInBatches } from './batch.ts';

/** Takes a batch whole or not at all. */
function tool(bad: (item: number) => boolean) {
  const reached: number[] = [];
  let calls = 0;
  const send = async (batch: readonly number[]): Promise<void> => {
    calls += 1;
    if (batch.some(bad)) throw rejected('no');
    reached.push(...batch);
  };
  return { reached, send, calls: () => calls };
}

test('exactly the bad items fail, the others are reached in order', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat({ max: 30 })), fc.integer({ min: 1, max: 9 }), async (items, size) => {
      const { reached, send } = tool((item) => item % 7 === 0);
      const failures = await sendInBatches(items, size, send);
      expect(reached).toEqual(items.filter((item) => item % 7 !== 0));
      expect(failures).toEqual(items.filter((item) => item % 7 === 0).map((item) => ({ item, message: 'no' })));
    }),
  );
});

test('one bad item among 512 costs no more than 19 batches', async () => {
  const { send, calls } = tool((item) => item === 300);
  await sendInBatches(
    Array.from({ length: 512 }, (_, index) => index),
    512,
    send,
  );
  expect(calls()).toBeLessThanOrEqual(19);
});

test('a tool that fails as a whole is not asked again for parts', async () => {
  let calls = 0;
  const failures = await sendInBatches([1, 2, 3], 3, async () => {
    calls += 1;
    throw new Fault('gone', 'it died');
  });
  expect([calls, failures.length]).toEqual([1, 3]);
});
