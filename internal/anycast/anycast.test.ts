import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createFlips, createHolders, sessionMs, type Whereabout } from './anycast.ts';

const one = '198.18.1.2:51820';
const other = '[2001:db8::1]:51820';
const at = (nodeId: string, handshakeMs: number, more: Partial<Whereabout> = {}): Whereabout => ({
  ...{ peer: 'p44w0 a', endpoint: one, rttMs: 0, nodeId, handshakeMs },
  ...more,
});

test('a client is where it shook hands last, whoever tells it first [N8]', () => {
  const holders = createHolders();
  expect([...holders.told([at('p1', 1_000)])]).toEqual([one]);
  expect([...holders.told([at('p2', 2_000, { endpoint: other })])]).toEqual([one, other]);
  expect([...holders.told([at('p1', 1_500)])]).toEqual([]);
  expect([holders.at(one), holders.at(other)?.nodeId]).toEqual([undefined, 'p2']);
  expect([holders.of('p1').length, holders.of('p2').length]).toEqual([0, 1]);
});

test('of two that had one address behind a NAT the last one counts, and the first when that has gone', () => {
  const holders = createHolders();
  holders.told([at('p1', 1_000), at('p2', 2_000, { peer: 'p44w0 b' })]);
  expect(holders.at(one)?.nodeId).toBe('p2');
  expect([...holders.forget('p44w0 b')]).toEqual([one]);
  expect(holders.at(one)?.nodeId).toBe('p1');
});

test('a session that is over is nobody’s', () => {
  const holders = createHolders();
  holders.told([at('p1', 1_000), at('p1', 9_000, { peer: 'p44w0 b', endpoint: other })]);
  expect([...holders.expire(1_000 + sessionMs)]).toEqual([one]);
  expect([holders.at(one), holders.at(other)?.handshakeMs]).toEqual([undefined, 9_000]);
});

test('how far it is may become known later', () => {
  const holders = createHolders();
  holders.told([at('p1', 1_000)]);
  expect([...holders.told([at('p1', 1_000, { rttMs: 80 })])]).toEqual([]);
  expect(holders.at(one)?.rttMs).toBe(80);
});

test('what is told in any order leads to the same', () => {
  const entry = fc.record({
    peer: fc.constantFrom('a', 'b', 'c'),
    endpoint: fc.constantFrom(one, other, '198.18.1.3:1'),
    // No two at the same millisecond: which of those is the last nobody knows.
    nodeId: fc.constantFrom('p1', 'p2', 'p3'),
  });
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 20 }), fc.infiniteStream(fc.nat()), (told, order) => {
      const all = told.map((each, n) => ({ ...each, handshakeMs: n + 1, rttMs: 0 }));
      const shuffled = all.map((each) => [order.next().value ?? 0, each] as const).sort(([a], [b]) => a - b);
      const [straight, mixed] = [createHolders(), createHolders()];
      for (const each of all) straight.told([each]);
      mixed.told(shuffled.map(([, each]) => each));
      for (const endpoint of [one, other, '198.18.1.3:1']) expect(mixed.at(endpoint)).toEqual(straight.at(endpoint));
    }),
  );
});

test('a client that keeps coming for five seconds is to stay; one that was here for a moment is not [N8]', () => {
  const flips = createFlips();
  const coming = [{ endpoint: one, agoMs: 0 }];
  for (let nowMs = 0; nowMs < 5_000; nowMs += 1_000) expect(flips.seen(coming, nowMs)).toEqual([]);
  expect(flips.seen(coming, 5_000)).toEqual([one]);
  const brief = createFlips();
  brief.seen(coming, 0);
  for (let nowMs = 1_000; nowMs < 30_000; nowMs += 1_000)
    expect(brief.seen([{ endpoint: one, agoMs: nowMs }], nowMs)).toEqual([]);
});

test('one that only keeps its NAT open stays with its second keepalive, and begins anew after a longer pause', () => {
  const flips = createFlips();
  flips.seen([{ endpoint: one, agoMs: 0 }], 0);
  expect(flips.seen([{ endpoint: one, agoMs: 0 }], 25_000)).toEqual([one]);
  flips.forget(one);
  flips.seen([{ endpoint: one, agoMs: 0 }], 100_000);
  expect(flips.seen([{ endpoint: one, agoMs: 0 }], 140_000)).toEqual([]);
  expect([...flips.all()]).toEqual([[one, 140_000]]);
});
