import { expect, test } from 'vitest';
import { createContests } from './contest.ts';

const second = 1_000;

/** One node's contests about tunnel `t`, ticked each half second with the bytes that have come until then. */
function contested(holder: string, how: { readonly heard?: boolean; readonly frozen?: boolean } = {}) {
  const contests = createContests({
    nodeId: 'p1',
    holderOf: () => holder,
    heard: () => how.heard ?? true,
    frozen: () => how.frozen ?? false,
  });
  let bytes = 1_000;
  /** Until it is decided, `untilMs` at the latest: when, and what. */
  const run = (untilMs: number, at: (nowMs: number) => { readonly bytes?: number; readonly asked?: boolean }) => {
    for (let nowMs = 500; nowMs <= untilMs; nowMs += 500) {
      const { bytes: more = 0, asked } = at(nowMs);
      bytes += more;
      if (asked !== undefined) contests.asked('p2', [{ tunnelId: 't', speaks: asked }], nowMs);
      if (contests.wanted(nowMs).length === 0) continue;
      const { given, taken } = contests.tick(new Map([['t', bytes]]), nowMs);
      const to = given[0]?.nodeId ?? (taken.length > 0 ? 'p1' : undefined);
      if (to !== undefined) return { nowMs, to };
    }
    return undefined;
  };
  return { contests, run };
}

test('the holder gives away who speaks elsewhere and is not heard here, within two seconds [A3]', () => {
  const { run } = contested('p1');
  expect(run(60 * second, () => ({ asked: true }))).toEqual({ nowMs: 2_000, to: 'p2' });
});

test('it keeps who is heard here, and does not speak elsewhere, for ever [A3]', () => {
  const { run } = contested('p1');
  // Nothing but keepalives here too.
  expect(run(300 * second, (nowMs) => ({ asked: false, bytes: nowMs % 25_000 === 0 ? 32 : 0 }))).toBeUndefined();
});

test('it keeps who speaks here, whatever another device says elsewhere', () => {
  const { run } = contested('p1');
  expect(run(300 * second, (nowMs) => ({ asked: true, bytes: nowMs % 1_000 === 0 ? 500 : 0 }))).toBeUndefined();
});

test('who only listens is given away when two keepalives were missed', () => {
  const { run } = contested('p1');
  expect(run(120 * second, () => ({ asked: false }))).toEqual({ nowMs: 58_000, to: 'p2' });
});

test('one that is frozen is given away by long silence alone', () => {
  const { run } = contested('p1', { frozen: true });
  expect(run(120 * second, () => ({ asked: true }))).toEqual({ nowMs: 55_500, to: 'p2' });
});

test('a holder whose WireGuard does not answer gives away too', () => {
  const { contests } = contested('p1');
  contests.asked('p2', [{ tunnelId: 't', speaks: true }], 0);
  expect(contests.tick(new Map(), 1_000).given).toEqual([]);
  expect(contests.tick(new Map(), 1_500).given).toEqual([{ tunnelId: 't', nodeId: 'p2' }]);
});

test('nobody asks any more: it ends', () => {
  const { contests, run } = contested('p1');
  expect(run(120 * second, (nowMs) => (nowMs < 1_000 ? { asked: false } : {}))).toBeUndefined();
  expect(contests.wanted(1e9)).toEqual([]);
});

test('what goes on is looked at each five seconds', () => {
  const { contests } = contested('p1');
  contests.asked('p2', [{ tunnelId: 't', speaks: false }], 0);
  const due = (nowMs: number): boolean => contests.wanted(nowMs).length > 0;
  contests.tick(new Map(), 8_000);
  expect([due(8_500), due(12_500), due(13_000)]).toEqual([false, false, true]);
  contests.asked('p2', [{ tunnelId: 't', speaks: true }], 9_000);
  expect(due(9_500)).toBe(true);
});

test('who shook hands here asks while the holder is heard, and says when it speaks', () => {
  const { contests } = contested('p2');
  contests.begin('t', 0);
  const asks = (bytes: number, nowMs: number) => contests.tick(new Map([['t', bytes]]), nowMs).asks;
  expect(asks(180, 500)).toEqual([{ tunnelId: 't', speaks: false }]);
  expect(asks(212, 1_000)).toEqual([{ tunnelId: 't', speaks: false }]);
  expect(asks(308, 1_500)).toEqual([{ tunnelId: 't', speaks: true }]);
  expect(asks(308, 2_000)).toEqual([{ tunnelId: 't', speaks: true }]);
  expect(asks(308, 61_000)).toEqual([]);
  expect(contests.wanted(1e9)).toEqual([]);
});

test('what a holder holds that nobody hears is taken [A3]', () => {
  const { contests, run } = contested('p2', { heard: false });
  contests.begin('t', 0);
  expect(run(10 * second, () => ({}))).toEqual({ nowMs: 2_000, to: 'p1' });
});

test('where else a key shakes hands is known for as long as a session lives', () => {
  const { contests } = contested('p1');
  contests.asked('p3', [{ tunnelId: 't', speaks: false }], 0);
  contests.asked('p2', [{ tunnelId: 't', speaks: false }], 10_000);
  expect(contests.alsoAt('t', 20_000)).toEqual(['p2', 'p3']);
  expect(contests.alsoAt('t', 185_000)).toEqual(['p2']);
  contests.tick(new Map(), 200_000);
  expect(contests.alsoAt('t', 200_000)).toEqual([]);
});
