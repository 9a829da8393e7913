import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Clock } from '#internal/clock/clock.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { createBook } from './book.ts';
import { openTraffic, type Reading, type Traffic } from './traffic.ts';

let folder: string;
let file: string;
let nowMs: number;
/** Sleepers wait until they are let go. */
let wake: (() => void)[];
let failures: unknown[];
let known: Set<string>;
const clock: Clock = {
  monotonicMs: () => nowMs,
  wall: () => new Date(nowMs),
  sleep: (_ms, signal) =>
    new Promise((resolve, reject) => {
      wake.push(resolve);
      signal?.addEventListener('abort', () => reject(new Error('aborted')));
    }),
};
const open = (): Promise<Traffic> =>
  openTraffic({ file, clock, known: (id) => known.has(id), failed: (cause) => failures.push(cause) });
const reading = (tunnelId: string, rxBytes: number, txBytes: number, publicKey = `key of ${tunnelId}`): Reading => ({
  ...{ tunnelId, publicKey, rxBytes, txBytes },
});
const letGo = (): void => {
  for (const each of wake.splice(0)) each();
};

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'traffic-'));
  file = join(folder, 'traffic');
  nowMs = 1_000_000_000_000;
  wake = [];
  failures = [];
  known = new Set(['a', 'b']);
});
afterEach(() => rmSync(folder, { recursive: true }));

test('what is carried is what the counters moved, and it is there after a restart [P4]', async () => {
  const first = await open();
  first.take([reading('a', 100, 1_000)]);
  nowMs += 60_000;
  first.take([reading('a', 150, 1_000), reading('b', 7, 0)]);
  expect(first.of('a')).toEqual({ upBytes: 150, downBytes: 1_000, sinceMs: nowMs - 60_000, lastMs: nowMs });
  expect(first.of('nobody')).toBeUndefined();
  await first.close();
  expect(statSync(file).mode & 0o777).toBe(0o600);

  // WireGuard lived on and counted on; the same counters once more count nothing.
  const second = await open();
  second.take([reading('a', 150, 1_000)]);
  second.take([reading('a', 151, 1_002)]);
  expect(second.of('a')).toMatchObject({ upBytes: 151, downBytes: 1_002 });
  expect(second.of('b')).toMatchObject({ upBytes: 7, downBytes: 0 });
  await second.close();
});

test('counters that begin again are counted from there, and so are those of a new key [P4]', async () => {
  const traffic = await open();
  traffic.take([reading('a', 1_000, 50)]);
  // The peer is a new one: what it has sent already is new too.
  traffic.take([reading('a', 10, 60)]);
  expect(traffic.of('a')).toMatchObject({ upBytes: 1_010, downBytes: 110 });
  traffic.take([reading('a', 5, 5, 'new key'), reading('a', 10, 61)]);
  expect(traffic.of('a')).toMatchObject({ upBytes: 1_015, downBytes: 116 });
  await traffic.close();
});

test('a process that is killed loses nothing that the counters still show [P4]', async () => {
  const killed = await open();
  killed.take([reading('a', 100, 100)]);
  letGo();
  await eventually(() => readFileSync(file, 'utf8').includes('key of a'), 5_000);
  killed.take([reading('a', 200, 200)]);
  // Not written; nor does it close.
  const next = await open();
  expect(next.of('a')).toMatchObject({ upBytes: 100 });
  next.take([reading('a', 250, 250)]);
  expect(next.of('a')).toMatchObject({ upBytes: 250, downBytes: 250 });
  await next.close();
});

test('lines are added, a torn or damaged one says nothing, and the file does not grow without end', async () => {
  const traffic = await open();
  traffic.take([reading('a', 1, 1), reading('b', 1, 1)]);
  await traffic.close();
  const whole = readFileSync(file, 'utf8');
  const bad = ['["a",-1,0,0,0,[]]', '["a",1e99,0,0,0,[]]', '{"a":1}', 'null', '["a",1,1,1,1,[["k",1]]]', '["b",9'];
  writeFileSync(file, `${whole}${bad.join('\n')}`);
  const again = await open();
  expect(again.of('a')).toMatchObject({ upBytes: 1 });
  expect(again.of('b')).toMatchObject({ upBytes: 1 });
  let most = 0;
  for (let n = 2; n < 6_000; n += 1) {
    again.take([reading('a', n, n)]);
    letGo();
    // One write is under way at a time.
    if (n % 20 === 0) await eventually(() => wake.length === 0, 5_000);
    most = Math.max(most, statSync(file).size);
  }
  await again.close();
  expect(most).toBeLessThan(600_000);
  expect(failures).toEqual([]);
  const last = await open();
  expect(last.of('a')).toMatchObject({ upBytes: 5_999 });
});

describe('a disk that fails', () => {
  test('is told once, and what was counted is written when it is back', async () => {
    file = join(folder, 'absent', 'traffic');
    const traffic = await open();
    traffic.take([reading('a', 1, 1)]);
    letGo();
    await eventually(() => failures.length === 1, 5_000);
    await eventually(() => wake.length === 1, 5_000);
    letGo();
    await eventually(() => wake.length === 1, 5_000);
    expect(failures).toHaveLength(1);
    expect(traffic.of('a')).toMatchObject({ upBytes: 1 });
    await traffic.close();
  });
});

test('tunnels that are gone are forgotten after a month, not when a store was emptied by mistake', async () => {
  const traffic = await open();
  traffic.take([reading('a', 1, 1), reading('b', 1, 1)]);
  await traffic.close();
  known = new Set();
  nowMs += 20 * 86_400_000;
  const later = await open();
  later.take([reading('c', 1, 1)]);
  await later.close();
  expect((await open()).of('a')).toBeDefined();
  known = new Set(['b']);
  nowMs += 11 * 86_400_000;
  const last = await open();
  last.take([reading('c', 2, 2)]);
  await last.close();
  const left = await open();
  expect([left.of('a'), left.of('b')?.upBytes, left.of('c')?.upBytes]).toEqual([undefined, 1, 2]);
});

test('whatever is restarted when, each byte that a counter showed is counted once', () => {
  const deed = fc.oneof(
    fc.record({ what: fc.constant('carry' as const), up: fc.nat({ max: 999 }), down: fc.nat({ max: 999 }) }),
    fc.record({ what: fc.constantFrom('read' as const, 'restart daemon' as const, 'restart wireguard' as const) }),
  );
  fc.assert(
    fc.property(fc.array(deed, { maxLength: 60 }), (deeds) => {
      let book = createBook();
      let counters = { rx: 0, tx: 0 };
      // Bytes that were seen; those since the last look die with their counter, and nobody can know of them.
      const seen = { up: 0, down: 0 };
      let pending = { up: 0, down: 0 };
      const read = (): void => {
        book.take([reading('a', counters.rx, counters.tx)], 1);
        seen.up += pending.up;
        seen.down += pending.down;
        pending = { up: 0, down: 0 };
      };
      for (const each of deeds) {
        if (each.what === 'carry') {
          counters = { rx: counters.rx + each.up, tx: counters.tx + each.down };
          pending = { up: pending.up + each.up, down: pending.down + each.down };
        } else if (each.what === 'read') read();
        else if (each.what === 'restart daemon') {
          const line = book.line('a');
          book = createBook();
          book.read(line);
        } else {
          read();
          counters = { rx: 0, tx: 0 };
          // Its first look, before anything passes.
          read();
        }
      }
      read();
      expect({ up: book.of('a')?.upBytes ?? 0, down: book.of('a')?.downBytes ?? 0 }).toEqual(seen);
    }),
  );
});
