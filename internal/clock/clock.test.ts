import { expect, test } from 'vitest';
import { realClock } from './clock.ts';

test('the monotonic clock does not go back and a sleep lasts at least its time', async () => {
  const before = realClock.monotonicMs();
  await realClock.sleep(20);
  // setTimeout(n) may fire up to 1 ms early (libuv rounds its loop time down).
  expect(realClock.monotonicMs() - before).toBeGreaterThanOrEqual(19);
});

test('a sleep ends with the reason of its signal, aborted before or during', async () => {
  const reason = new Error('closing');
  await expect(realClock.sleep(60_000, AbortSignal.abort(reason))).rejects.toBe(reason);
  const controller = new AbortController();
  const sleeping = realClock.sleep(60_000, controller.signal);
  controller.abort(reason);
  await expect(sleeping).rejects.toBe(reason);
});
