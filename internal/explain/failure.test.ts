import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type FailingNode, failureText, type Heard, outagesOf } from './failure.ts';

const pair: FailingNode = {
  nodeId: 'p3',
  active: true,
  sibling: { nodeId: 'p4', hindrance: '', aheadMs: 0 },
  watched: true,
  informed: true,
};
const near: Heard = { handshakeAgeMs: 10_000, rttMs: 1 };
const outage = (node: FailingNode, heard: Heard | undefined) =>
  outagesOf(node, [{ tunnel: 't1', ...(heard && { heard }) }])[0]?.outage;

test.each<[string, Partial<FailingNode>, Heard | undefined, readonly [string, number | undefined]]>([
  ['one that is near is called within a third of a second', {}, near, ['called', 302]],
  [
    'one behind a satellite is called once, because how far it is is known',
    {},
    { ...near, rttMs: 600 },
    ['called', 1_500],
  ],
  ['one of whom nothing was measured is taken for one nearby', {}, { handshakeAgeMs: 1 }, ['called', 400]],
  ['of a node that is not active nothing is lost', { active: false }, near, ['none', 0]],
  ['without a sibling it lasts', { sibling: undefined } as never, near, ['until back', undefined]],
  [
    'a sibling that cannot take over is none',
    { sibling: { nodeId: 'p4', hindrance: 'p4 is waiting', aheadMs: 0 } },
    near,
    ['until back', undefined],
  ],
  [
    'a sibling whose clock is ahead calls nobody',
    { sibling: { nodeId: 'p4', hindrance: '', aheadMs: 80 } },
    near,
    ['by itself', 15_000],
  ],
  ['without BFD the endpoint stays where it was', { watched: false }, near, ['called', 240_000]],
  ['who was not heard for long has nothing to lose', {}, { handshakeAgeMs: 200_000 }, ['away', undefined]],
  ['who was never heard neither', {}, undefined, ['away', undefined]],
  ['where nobody knows who was heard, all are taken for there', { informed: false }, undefined, ['called', 400]],
])('%s [N7]', (_, change, heard, told) => {
  const found = outage({ ...pair, ...change }, heard);
  expect([found?.way, found?.expectedMs]).toEqual(told);
});

test('a silent client that no one calls waits until its key is old: the age of its handshake counts [N7]', () => {
  const ahead = { ...pair, sibling: { nodeId: 'p4', hindrance: '', aheadMs: 51 } };
  expect(outage(ahead, { handshakeAgeMs: 0 })?.latestMs).toBe(145_000);
  expect(outage(ahead, { handshakeAgeMs: 100_000 })?.latestMs).toBe(45_000);
  expect(outage(ahead, { handshakeAgeMs: 170_000 })?.latestMs).toBe(25_000);
});

test('the last active are called first, and the worst are told first', () => {
  const tunnels = Array.from({ length: 1_000 }, (_, at) => ({
    tunnel: at,
    heard: { handshakeAgeMs: 100_000 - at, rttMs: 1 },
  }));
  const found = outagesOf(pair, tunnels);
  expect(found[0]).toMatchObject({ tunnel: 0, outage: { way: 'called' } });
  expect(found.at(-1)).toMatchObject({ tunnel: 999, outage: { expectedMs: 302 } });
  // 1.6 to 1.7 s, measured.
  expect(found[0]?.outage.expectedMs).toBeGreaterThan(1_500);
  expect(found[0]?.outage.expectedMs).toBeLessThan(1_800);
});

test('nobody is expected later than at the latest, whatever is known of him', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1_500 }), fc.integer({ min: 0, max: 200_000 }), (rttMs, handshakeAgeMs) => {
      const { expectedMs = 0, latestMs = 0 } = outage(pair, { handshakeAgeMs, rttMs }) ?? {};
      expect(latestMs).toBeGreaterThanOrEqual(expectedMs);
    }),
  );
});

test('the whole is said in words', () => {
  expect(failureText(pair)).toBe('p4 takes over in 0.3 s');
  expect(failureText({ ...pair, active: false })).toContain('costs no tunnel anything');
  expect(failureText({ nodeId: 'p1', active: true, watched: true, informed: false })).toContain('until it is back');
});
