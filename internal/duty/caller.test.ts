import { expect, test } from 'vitest';
import { type Clock, realClock } from '#internal/clock/clock.ts';
import type { Peer } from '#internal/dataplane/dataplane.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { createCaller } from './caller.ts';

const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };
const peerOf = (publicKey: string): Peer => ({ link: 'p44w0', publicKey, allowedIps: [], keepaliveSeconds: 0 });

/** Time that passes as fast as it is slept; `slept` hears of each sleep. */
function fastClock(): Clock & { nowMs: number; slept: () => void } {
  const clock = {
    ...realClock,
    nowMs: 0,
    slept: (): void => undefined,
    monotonicMs: () => clock.nowMs,
    sleep: async (ms: number, signal?: AbortSignal) => {
      signal?.throwIfAborted();
      await new Promise((resolve) => setImmediate(resolve));
      clock.nowMs += ms;
      clock.slept();
    },
  };
  return clock;
}

interface Dialled {
  readonly atMs: number;
  readonly peerKey: string;
  readonly again: boolean;
  readonly allowedIps: readonly string[];
}

/** `answers`: after how long a peer answers the call that was made last; never: it is away. */
function world(
  known: readonly string[],
  answers: (peerKey: string) => number | undefined,
  {
    hindrance = '',
    rttMs,
    away = [],
  }: { readonly hindrance?: string; readonly rttMs?: number; readonly away?: readonly string[] } = {},
) {
  const clock = fastClock();
  const dialled: Dialled[] = [];
  const peers = new Map(known.filter((peerKey) => peerKey !== 'gone').map((peerKey) => [peerKey, peerOf(peerKey)]));
  /** What was done in turns of the applier, and what outside of them. */
  const turns: string[] = [];
  const hungUp: string[] = [];
  const lastCall = new Map<string, number>();
  const caller = createCaller({
    dial: async (calls, again) => {
      turns.push('write');
      for (const { peer } of calls) {
        dialled.push({ atMs: clock.nowMs, peerKey: peer.publicKey, again, allowedIps: peer.allowedIps });
        lastCall.set(peer.publicKey, clock.nowMs);
      }
    },
    hangUp: async (ended) => {
      turns.push('write');
      hungUp.push(...ended.map(({ publicKey }) => publicKey));
    },
    handshakes: async () =>
      known.map((peerKey) => {
        const [called, needs] = [lastCall.get(peerKey), answers(peerKey)];
        const shaken = called !== undefined && needs !== undefined && clock.nowMs - called >= needs;
        return { peerKey, lastHandshakeMs: shaken ? 1 : 0 };
      }),
    known: () =>
      known.map((peerKey, at) => ({
        peerKey,
        endpoint: '192.0.2.1:1',
        handshakeMs: away.includes(peerKey) ? 1_000 - at : realClock.wall().getTime() - at,
        ...(rttMs !== undefined && { rttMs }),
      })),
    apart: async (work) => {
      turns.push('begin');
      const done = await work();
      turns.push('end');
      return done;
    },
    peerOf: (peerKey) => peers.get(peerKey),
    hindrance: () => hindrance,
    clock,
    log: quiet,
  });
  return { clock, caller, dialled, hungUp, peers, turns };
}

test('peers are called in their order, and no more when they have answered [N7]', async () => {
  const { caller, dialled, hungUp } = world(['a', 'gone', 'b'], () => 10);
  caller.begin(false);
  await eventually(() => hungUp.length === 2, 5_000);
  expect(dialled.map(({ peerKey, again }) => [peerKey, again])).toEqual([
    ['a', false],
    ['b', false],
  ]);
});

test('who has just begun to lead forgets whatever WireGuard has tried for them, and calls; who resumes does not [N7]', async () => {
  const { caller, dialled, hungUp } = world(['a', 'b'], () => 10);
  caller.begin(true);
  await eventually(() => hungUp.length === 2, 5_000);
  expect(dialled.map(({ peerKey, again }) => [peerKey, again])).toEqual([
    ['a', true],
    ['b', true],
  ]);
});

test('a gap that doubles reaches a peer that is farther away than the first gap [N7]', async () => {
  const { caller, dialled, hungUp } = world(['far'], () => 600);
  caller.begin(false);
  await eventually(() => hungUp.length === 1, 5_000);
  const times = dialled.map(({ atMs }) => atMs);
  expect(times.length).toBeGreaterThan(2);
  const gaps = times.slice(1).map((time, at) => time - (times[at] ?? 0));
  for (const [at, gap] of gaps.entries()) if (at > 0) expect(gap).toBeGreaterThan(1.5 * (gaps[at - 1] ?? 0));
  expect(dialled.slice(1).every(({ again }) => again)).toBe(true);
});

test.each([
  [1, [0, 100, 300]],
  [150, [0, 300, 900]],
  [600, [0, 1_200, 2_800]],
])('a peer that is %i ms away is called again when its answer can no longer come [N7]', async (rttMs, times) => {
  const { caller, dialled } = world(['far'], () => undefined, { rttMs });
  caller.begin(false);
  await eventually(() => dialled.length >= 3, 5_000);
  // Looks are 20 ms apart.
  for (const [at, time] of times.entries()) {
    expect(dialled[at]?.atMs).toBeGreaterThanOrEqual(time);
    expect(dialled[at]?.atMs).toBeLessThan(time + 60);
  }
});

test('at most 100 wait for an answer at a time, and who is away does not hold up the others [N7]', async () => {
  const keys = Array.from({ length: 250 }, (_, at) => `k${at}`);
  const { caller, dialled, hungUp } = world(keys, (key) => (Number(key.slice(1)) < 100 ? undefined : 10));
  caller.begin(false);
  await eventually(() => keys.slice(100).every((key) => hungUp.includes(key)), 10_000);
  const before = dialled.filter(({ peerKey }) => peerKey === 'k100')[0]?.atMs ?? 0;
  const away = dialled.filter(({ atMs }) => atMs < before).map(({ peerKey }) => peerKey);
  expect(new Set(away).size).toBeLessThanOrEqual(100);
  expect(before).toBeLessThan(600);
  // Gone clients are not called for ever.
  await eventually(() => hungUp.length === 250, 10_000);
  expect(dialled.filter(({ peerKey }) => peerKey === 'k0')).toHaveLength(6);
});

test('where answers stand in a queue fewer are called at a time, and none a second time for nothing [N7]', async () => {
  const keys = Array.from({ length: 300 }, (_, at) => `k${at}`);
  /** One at a time, 4 ms each, in the order of the calls; whoever is called anew stands at the end. */
  let [freeMs, taken] = [0, 0];
  const doneMs = new Map<string, number>();
  const slow = world(keys, (key) => {
    for (; taken < slow.dialled.length; taken += 1) {
      const { peerKey, atMs } = slow.dialled[taken] ?? { peerKey: '', atMs: 0 };
      freeMs = Math.max(freeMs, atMs) + 4;
      doneMs.set(peerKey, freeMs - atMs);
    }
    return doneMs.get(key);
  });
  slow.caller.begin(false);
  await eventually(() => slow.hungUp.length === keys.length, 20_000);
  expect(slow.dialled.length).toBeLessThan(1.1 * keys.length);
  // They take 1.2 s one after the other.
  expect(slow.clock.nowMs).toBeLessThan(1_700);
});

test('a node that must not call calls nobody, and one that is no longer active calls no more [N7]', async () => {
  const hindered = world(['a'], () => 10, { hindrance: 'its clock is ahead' });
  hindered.caller.begin(false);
  const stopped = world(['away'], () => undefined);
  stopped.caller.begin(false);
  await eventually(() => stopped.dialled.length > 1, 5_000);
  stopped.caller.end();
  await new Promise((resolve) => setTimeout(resolve, 20));
  const then = stopped.dialled.length;
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(stopped.dialled).toHaveLength(then);
  expect(hindered.dialled).toEqual([]);
});

test('a peer that is removed while it is called is neither called again nor hung up [T9]', async () => {
  const { clock, caller, dialled, hungUp, peers } = world(['away', 'removed', 'shaken', 'late'], (peerKey) =>
    peerKey === 'shaken' ? 300 : undefined,
  );
  clock.slept = () => {
    if (clock.nowMs < 150) return;
    peers.delete('removed');
    peers.delete('shaken');
  };
  caller.begin(false);
  await eventually(() => hungUp.length >= 2, 20_000);
  expect(hungUp).toEqual(['away', 'late']);
  expect(dialled.filter(({ atMs }) => atMs < 150)).toHaveLength(8);
  const after = dialled.filter(({ atMs }) => atMs >= 150).map(({ peerKey }) => peerKey);
  expect(new Set(after)).toEqual(new Set(['away', 'late']));
});

test('a peer is called as it is wanted at that moment, and in turns of the applier only [T9]', async () => {
  const { clock, caller, dialled, hungUp, peers, turns } = world(['a'], () => 600);
  clock.slept = () => peers.set('a', { ...peerOf('a'), allowedIps: ['44.31.0.9/32'] });
  caller.begin(false);
  await eventually(() => hungUp.length === 1, 5_000);
  expect(dialled.slice(1).length).toBeGreaterThan(0);
  for (const { allowedIps } of dialled.slice(1)) expect(allowedIps).toEqual(['44.31.0.9/32']);
  expect(turns.join(' ')).toMatch(/^(begin write end ?)+$/);
});

test('of many that are called at once some are called in each turn, so that the routes of their answers come between [N7]', async () => {
  const many = Array.from({ length: 40 }, (_, at) => `peer${at}`);
  const { caller, dialled, hungUp, turns } = world(many, () => 10);
  caller.begin(true);
  await eventually(() => hungUp.length === many.length, 5_000);
  expect(dialled.map(({ peerKey }) => peerKey)).toEqual(many);
  expect(turns.indexOf('end')).toBeLessThan(turns.lastIndexOf('begin'));
  expect(turns.filter((turn) => turn === 'write').length).toBeGreaterThan(40 / 12);
});

test('a call whose turn comes when this node is no longer active is not made [N7]', async () => {
  const dialled: string[] = [];
  let open: () => void = () => undefined;
  const turn = new Promise<void>((resolve) => {
    open = resolve;
  });
  let asked = false;
  let over = false;
  const caller = createCaller({
    dial: async (calls) => dialled.push(...calls.map(({ peer }) => peer.publicKey)),
    hangUp: async () => undefined,
    handshakes: async () => [],
    known: () => [{ peerKey: 'a', endpoint: '192.0.2.1:1', handshakeMs: 1 }],
    apart: async (work) => {
      asked = true;
      await turn;
      const done = await work();
      over = true;
      return done;
    },
    peerOf,
    hindrance: () => '',
    clock: fastClock(),
    log: quiet,
  });
  caller.begin(false);
  await eventually(() => asked, 5_000);
  caller.end();
  open();
  await eventually(() => over, 5_000);
  expect(dialled).toEqual([]);
});

test('before a move those that live are called, and forgotten and called again only when it is over [N8]', async () => {
  const never = (key: string) => (key === 'lost' ? undefined : 200);
  const { caller, clock, dialled, hungUp } = world(['a', 'lost', 'b', 'old'], never, { away: ['old'] });
  let calledMs = 0;
  clock.slept = () => {
    if (calledMs > 0 || !caller.called()) return;
    calledMs = clock.nowMs;
    // Who has answered is not called again.
    caller.begin(false);
    expect(caller.called()).toBe(false);
  };
  caller.gather();
  expect(caller.called()).toBe(false);
  await eventually(() => hungUp.length === 4, 10_000);
  const [first, second] = dialled.filter(({ peerKey }) => peerKey === 'lost').map(({ atMs }) => atMs);
  expect(first).toBe(0);
  // WireGuard has repeated it by then.
  expect(calledMs).toBeGreaterThanOrEqual(5_334);
  expect(second).toBeGreaterThanOrEqual(calledMs);
  for (const { peerKey, atMs } of dialled) if (peerKey === 'old') expect(atMs).toBeGreaterThanOrEqual(calledMs);
  expect(dialled.filter(({ peerKey }) => peerKey === 'a' || peerKey === 'b')).toHaveLength(2);
  expect(dialled.map(({ peerKey }) => peerKey)).toContain('old');
});

test('before a move few are called at a time, and those that are away hold up the others no longer than it takes to answer [N8]', async () => {
  const keys = Array.from({ length: 120 }, (_, at) => `${at < 60 ? 'away' : 'here'}${at}`);
  const { caller, dialled } = world(keys, (key) => (key.startsWith('here') ? 10 : undefined));
  caller.gather();
  await eventually(() => caller.called(), 10_000);
  const at = (key: string): number => dialled.find(({ peerKey }) => peerKey === key)?.atMs ?? Number.NaN;
  expect(dialled.filter(({ atMs }) => atMs === 0)).toHaveLength(50);
  expect(at('away59')).toBeGreaterThanOrEqual(3_000);
  expect(at('here119')).toBeLessThan(4_000);
  expect(new Set(dialled.map(({ peerKey }) => peerKey)).size).toBe(dialled.length);
  caller.end();
});

test('before a move where nobody lives nobody is waited for; who must not call never has called all', async () => {
  const { caller } = world(['old'], () => 10, { away: ['old'] });
  caller.gather();
  await eventually(() => caller.called(), 5_000);
  caller.end();
  expect(caller.called()).toBe(false);
  const hindered = world(['a'], () => 10, { hindrance: 'its clock is ahead' });
  hindered.caller.gather();
  expect(hindered.caller.called()).toBe(false);
});

test('who is added is called beside the others, and after them too [N8]', async () => {
  const { caller, dialled, hungUp } = world(['a', 'b', 'c'], () => 10);
  const endpoint = (peerKey: string) => ({ peerKey, endpoint: '192.0.2.1:1', handshakeMs: 1 });
  caller.add([endpoint('a')]);
  caller.add([endpoint('b'), endpoint('stranger')]);
  await eventually(() => hungUp.length === 2, 5_000);
  expect(dialled.map(({ peerKey }) => peerKey)).toEqual(['a', 'b']);
  caller.add([endpoint('c')]);
  await eventually(() => hungUp.length === 3, 5_000);
  expect(hungUp).toEqual(['a', 'b', 'c']);
});

test('a node whose clock is ahead calls nobody who is added either [N7]', () => {
  const { caller, turns } = world(['a'], () => 10, { hindrance: 'the clock is ahead' });
  caller.add([{ peerKey: 'a', endpoint: '192.0.2.1:1', handshakeMs: 1 }]);
  expect(turns).toEqual([]);
});
