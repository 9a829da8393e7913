import fc from 'fast-check';
import { expect, test } from 'vitest';
import { classNumber } from './class-number.ts';
import { createLive, type LiveTunnels } from './live.ts';

function world() {
  const told: { live: LiveTunnels; changed: readonly string[] }[] = [];
  const live = createLive((now, changed) => told.push({ live: now, changed }));
  return { live, told, now: () => told.at(-1)?.live };
}
const shook = (tunnelId: string, handshakeMs: number) => ({ tunnelId, handshakeMs });

test('a session has a class from its first handshake until it is over [T9]', () => {
  const { live, told, now } = world();
  live.shook([shook('a', 1_000)], 1_000);
  live.here(new Set(['a']), ['a']);
  // One step for both.
  expect(told.map(({ changed }) => changed)).toEqual([['a']]);
  const number = now()?.classOf('a');
  expect(number).toBeGreaterThanOrEqual(0x10);
  live.shook([shook('a', 150_000)], 150_000);
  live.settle(300_000);
  expect(told).toHaveLength(1);
  live.settle(340_000);
  expect([now()?.classOf('a'), now()?.has('a')]).toEqual([undefined, true]);
  // It comes back: the same one.
  live.shook([shook('a', 400_000)], 400_000);
  live.settle(400_000);
  expect(now()?.classOf('a')).toBe(number);
});

test('a tunnel that goes to another node leaves its class', () => {
  const { live, now } = world();
  live.shook([shook('a', 1_000), shook('b', 1_000)], 1_000);
  live.here(new Set(['a', 'b']), ['a', 'b']);
  const before = now();
  live.here(new Set(['b']), ['a']);
  expect([now()?.has('a'), now()?.classOf('a')]).toEqual([false, undefined]);
  // What was told before is a value.
  expect([before?.has('a'), before?.classOf('a')]).toEqual([true, classNumber('a', new Set())]);
});

test('a tunnel of the sibling has its class before it comes, is no session of this node, and keeps the class when it comes [N7]', () => {
  const { live, now } = world();
  live.expect([shook('a', 1_000), shook('over', 1_000 - 190_000)], 1_000);
  live.settle(1_000);
  const number = now()?.classOf('a');
  expect(number).toBe(classNumber('a', new Set()));
  expect([now()?.has('a'), now()?.classOf('over'), live.sessions()]).toEqual([false, undefined, 0]);
  live.shook([shook('a', 2_000)], 2_000);
  live.here(new Set(['a']), ['a']);
  expect([now()?.classOf('a'), live.sessions()]).toEqual([number, 1]);
  // By an order: presence hears before or after the sibling has told.
  live.expect([shook('a', 3_000)], 3_000);
  live.here(new Set(), ['a']);
  expect([now()?.classOf('a'), live.sessions()]).toEqual([number, 0]);
  live.settle(193_000);
  expect(now()?.classOf('a')).toBeUndefined();
});

test('what the sibling tells says nothing of the own interface by which a tunnel is reached', () => {
  const { live, now } = world();
  live.shook([{ ...shook('a', 1_000), link: 'p44w0' }], 1_000);
  live.here(new Set(['a']), ['a']);
  live.expect([shook('a', 9_000)], 9_000);
  live.shook([{ ...shook('a', 2_000), link: 'p44w1' }], 9_000);
  live.settle(9_000);
  expect(now()?.linkOf('a')).toBe('p44w1');
});

test('what the sibling tells of a handshake that is older than the own one changes nothing', () => {
  const { live, now } = world();
  live.shook([shook('a', 5_000)], 5_000);
  live.here(new Set(['a']), ['a']);
  live.expect([shook('a', 4_000), shook('a', 5_000)], 6_000);
  expect(live.sessions()).toBe(1);
  live.here(new Set(), ['a']);
  expect(now()?.classOf('a')).toBeUndefined();
});

test('of sessions told late and in any order, those that are over get no class', () => {
  const { live, now } = world();
  live.shook([shook('new', 900_000), shook('over', 100_000), shook('old', 800_000)], 950_000);
  live.here(new Set(['new', 'over', 'old']), ['new', 'over', 'old']);
  const alive = (): readonly string[] => ['new', 'old', 'over'].filter((id) => now()?.classOf(id) !== undefined);
  expect(alive()).toEqual(['new', 'old']);
  live.settle(1_000_000);
  expect(alive()).toEqual(['new']);
});

test('nothing is told while nothing changes', () => {
  const { live, told } = world();
  live.settle(1e9);
  live.shook([], 1e9);
  live.here(new Set(), []);
  expect(told).toEqual([]);
});

test('numbers are never shared and never change while a session lives', () => {
  const deed = fc.record({
    who: fc.integer({ min: 0, max: 40 }).map((n) => `t${n}`),
    what: fc.constantFrom('shake', 'leave', 'wait'),
  });
  fc.assert(
    fc.property(fc.array(deed, { maxLength: 200 }), (deeds) => {
      const { live, now } = world();
      const here = new Set<string>();
      let nowMs = 1_000;
      let held = new Map<string, number>();
      for (const { who, what } of deeds) {
        nowMs += what === 'wait' ? 60_000 : 10;
        if (what === 'shake') {
          live.shook([shook(who, nowMs)], nowMs);
          here.add(who);
          live.here(new Set(here), [who]);
        } else if (what === 'leave' && here.delete(who)) live.here(new Set(here), [who]);
        live.settle(nowMs);
        const next = new Map<string, number>();
        for (let n = 0; n <= 40; n += 1) {
          const number = now()?.classOf(`t${n}`);
          if (number !== undefined) next.set(`t${n}`, number);
        }
        expect(new Set(next.values()).size).toBe(next.size);
        for (const [id, number] of next) if (held.has(id)) expect(number).toBe(held.get(id));
        held = next;
      }
    }),
    { numRuns: 200 },
  );
});

test('a number is 16 bits, its own, and the same after a restart but for a clash', () => {
  const taken = new Set<number>();
  let clashes = 0;
  for (let n = 0; n < 1_000; n += 1) {
    const alone = classNumber(`tunnel-${n}`, new Set());
    const number = classNumber(`tunnel-${n}`, taken) ?? 0;
    expect(taken.has(number)).toBe(false);
    expect(number).toBeGreaterThanOrEqual(0x10);
    expect(number).toBeLessThan(0xffff);
    if (number !== alone) clashes += 1;
    taken.add(number);
  }
  // 1,000 of 65,519: 7.6 on average.
  expect(clashes).toBeLessThan(30);
});

test('when all numbers are taken there is none, and no search without end', () => {
  const all = new Set(Array.from({ length: 0xfffe - 0x10 + 1 }, (_, n) => n + 0x10));
  expect(classNumber('a', all)).toBeUndefined();
  all.delete(0x1234);
  expect(classNumber('a', all)).toBe(0x1234);
});

test('the access interface of the newest handshake is told, and goes with the tunnel [T6]', () => {
  const { live, told, now } = world();
  live.shook([{ ...shook('a', 1_000), link: 'p44w0' }], 1_000);
  live.here(new Set(['a']), ['a']);
  expect(now()?.linkOf('a')).toBe('p44w0');
  live.shook([{ ...shook('a', 2_000), link: 'p44w1' }], 2_000);
  live.settle(2_000);
  expect([now()?.linkOf('a'), told.at(-1)?.changed]).toEqual(['p44w1', ['a']]);
  // An older one that is told late, as by a privileged half that is met again.
  live.shook([{ ...shook('a', 1_500), link: 'p44w0' }], 2_500);
  live.settle(2_500);
  expect(now()?.linkOf('a')).toBe('p44w1');
  live.shook([{ ...shook('a', 3_000), link: 'p44w0' }], 3_000);
  live.settle(3_000);
  expect(now()?.linkOf('a')).toBe('p44w0');
  live.here(new Set(), ['a']);
  expect(now()?.linkOf('a')).toBeUndefined();
});

test('of a session that is over the access interface is known all the same [T6]', () => {
  const { live, now } = world();
  live.shook([{ ...shook('a', 100_000), link: 'p44w1' }], 900_000);
  live.here(new Set(['a']), ['a']);
  expect([now()?.linkOf('a'), now()?.classOf('a')]).toEqual(['p44w1', undefined]);
});
