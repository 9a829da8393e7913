import { mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { realClock } from '#internal/clock/clock.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { createEndpoints } from './endpoints.ts';

const at = (peerKey: string, handshakeMs: number, port = 1) => ({
  peerKey,
  endpoint: `192.0.2.1:${port}`,
  handshakeMs,
});
const peer = (peerKey: string, lastHandshakeMs: number, port = 1) => ({
  peerKey,
  endpoint: `192.0.2.1:${port}`,
  lastHandshakeMs,
});
const folder = (): string => mkdtempSync(join(tmpdir(), 'endpoints-'));
/** Writes at once. */
const clock = { ...realClock, sleep: async () => undefined };
const open = (file: string) =>
  createEndpoints(
    file,
    clock,
    (cause) => {
      throw cause;
    },
    new AbortController().signal,
  );

test('an endpoint is news with a newer handshake alone: one that changed without it may be a replay', () => {
  const endpoints = open(join(folder(), 'known'));
  expect(endpoints.seen([peer('a', 100), peer('b', 0)])).toEqual([at('a', 100)]);
  expect(endpoints.seen([peer('a', 100, 2)])).toEqual([]);
  expect(endpoints.seen([peer('a', 200, 2)])).toEqual([at('a', 200, 2)]);
  endpoints.told([at('a', 150, 3)]);
  expect(endpoints.byAge()).toEqual([at('a', 200, 2)]);
});

test('the last active come first', () => {
  const endpoints = open(join(folder(), 'known'));
  endpoints.told([at('old', 100), at('new', 300), at('middle', 200)]);
  expect(endpoints.byAge().map(({ peerKey }) => peerKey)).toEqual(['new', 'middle', 'old']);
});

test('they outlive the process, for nobody else to read; what a file holds that is none is left out', async () => {
  const file = join(folder(), 'known');
  const now = Date.now();
  const monthsAgo = now - 61 * 24 * 3_600_000;
  open(file).told([at('a', now), at('gone', monthsAgo)]);
  await eventually(() => readFileSync(file, 'utf8').includes('"a"'), 5_000);
  expect(statSync(file).mode & 0o077).toBe(0);
  expect(open(file).byAge()).toEqual([at('a', now)]);
  writeFileSync(file, '[{"peerKey":"b"},null,7]');
  expect(open(file).byAge()).toEqual([]);
  writeFileSync(file, JSON.stringify([{ ...at('c', now), endpoint: 'nowhere' }]));
  expect(open(file).byAge()).toEqual([]);
  writeFileSync(file, '[{"peerKey":');
  expect(open(file).byAge()).toEqual([]);
});

test('what is told for later than now is taken for now, and does not outlast what comes after; what is nowhere is not taken', () => {
  const file = join(folder(), 'known');
  const year = 365 * 24 * 3_600_000;
  const now = Date.now();
  writeFileSync(file, JSON.stringify([at('kept', now + year)]));
  const endpoints = open(file);
  endpoints.told([at('told', now + year), { ...at('bad', now), endpoint: '192.0.2.1; reboot' }]);
  expect(endpoints.byAge().map(({ peerKey }) => peerKey)).toEqual(expect.arrayContaining(['kept', 'told']));
  expect(endpoints.byAge()).toHaveLength(2);
  for (const { handshakeMs } of endpoints.byAge()) expect(handshakeMs).toBeLessThan(now + year);
  expect(endpoints.seen([peer('told', now + 3_600_000, 2)])).toHaveLength(1);
});

test('there are never more than a device holds peers: who is longest away is let go of', () => {
  const endpoints = open(join(folder(), 'known'));
  endpoints.told(Array.from({ length: 70_000 }, (_, number) => at(`peer ${number}`, number + 1)));
  const kept = endpoints.byAge();
  expect(kept.length).toBeLessThanOrEqual(65_536);
  expect(kept.length).toBeGreaterThan(50_000);
  expect(kept[0]?.peerKey).toBe('peer 69999');
});

test('a round trip is known from a sample, and one sample alone cannot make it much longer [N7]', () => {
  const endpoints = open(join(folder(), 'known'));
  endpoints.seen([peer('a', 100), peer('b', 100, 2)]);
  const of = (...trips: readonly (readonly [string, number])[]) => endpoints.measured(['a', 'b', 'c'], new Map(trips));
  expect(of(['192.0.2.1:1', 150])).toEqual([{ ...at('a', 100), rttMs: 150 }]);
  expect(of(['192.0.2.1:1', 155])).toEqual([]);
  // The answer was lost, and the next thing that came was a keepalive.
  expect(of(['192.0.2.1:1', 25_000])).toEqual([]);
  expect(of(['192.0.2.1:1', 900])).toEqual([{ ...at('a', 100), rttMs: 300 }]);
  expect(of(['192.0.2.1:1', 0.2], ['192.0.2.9:1', 7])).toEqual([{ ...at('a', 100), rttMs: 1 }]);
  expect(endpoints.seen([peer('a', 200)])).toEqual([{ ...at('a', 200), rttMs: 1 }]);
  // Elsewhere it is as far as nobody knows.
  expect(endpoints.seen([peer('a', 300, 3)])).toEqual([at('a', 300, 3)]);
});

test('the sibling hears of a round trip after the handshake that told it [N7]', () => {
  const endpoints = open(join(folder(), 'known'));
  endpoints.told([at('a', 100)]);
  endpoints.told([{ ...at('a', 100), rttMs: 600 }]);
  expect(endpoints.byAge()).toEqual([{ ...at('a', 100), rttMs: 600 }]);
  endpoints.told([
    { ...at('a', 200), rttMs: 60_000 },
    { ...at('b', 200), rttMs: -1 },
  ]);
  expect(endpoints.byAge()).toEqual([{ ...at('a', 100), rttMs: 600 }]);
});
