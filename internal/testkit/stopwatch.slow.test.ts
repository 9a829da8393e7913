import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { eventually } from './eventually.ts';
import { startStopwatch } from './stopwatch.ts';

/** This process does not run, and computes nothing, for half a second. */
const standStill = (): void => void execFileSync('sleep', ['0.5']);
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

test('waiting counts, standing still does not, computing does', async () => {
  using watch = startStopwatch();
  await pause(200);
  expect(watch.ms()).toBeGreaterThan(150);
  const before = watch.ms();
  standStill();
  await pause(30);
  expect(watch.ms() - before).toBeLessThan(400);
  const beforeCpu = watch.ms();
  const used = (): number => {
    const { user, system } = process.cpuUsage();
    return user + system;
  };
  const until = used() + 400_000;
  while (used() < until);
  await pause(30);
  expect(watch.ms() - beforeCpu).toBeGreaterThan(350);
});

test('what came while the machine stood still is seen, though the time was over', async () => {
  let there = false;
  setTimeout(() => {
    standStill();
    // After the timers that were due, as what other processes send.
    setImmediate(() => setTimeout(() => (there = true), 50));
  }, 20);
  await eventually(() => there, 300);
});
