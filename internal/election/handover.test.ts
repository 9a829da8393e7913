import { expect, test } from 'vitest';
import { realClock } from '#internal/clock/clock.ts';
import { createHandover } from './handover.ts';
import { encodeCandidate, sessionKey } from './keys.ts';
import { preference } from './rank.ts';
import { defaultTuning } from './tuning.ts';
import { createView } from './view.ts';

const [own, other] = ['a1', 'b2'];
const pools = ['4-2c1f0000-22', '4-2c1f0400-22', '4-2c1f0800-22', '4-2c1f0c00-22', '4-2c1f1000-22', '4-2c1f1400-22'];
const sessions = [
  { id: own, nodeId: 'p1' },
  { id: other, nodeId: 'p2' },
];
const theirs = pools.filter((poolId) => preference(poolId, sessions)[0]?.id === other);

/** Both sessions are seen at 0. */
function stage(eligible = (_nodeId: string) => true) {
  const view = createView({ ...realClock, monotonicMs: () => 0 });
  const events = sessions.map(({ id, nodeId }) => ({
    key: sessionKey(id),
    value: encodeCandidate(nodeId),
    modRevision: 2n,
    createRevision: 2n,
    leaseId: BigInt(`0x${id}`),
  }));
  view.take({ revision: 2n, relisted: true, events });
  return createHandover(view, { nodeId: 'p1', eligible, clock: realClock, tuning: defaultTuning });
}
const { settledMs, handoverPaceMs, offerAgainMs } = defaultTuning;

test('nothing is offered to a session that has not stood for a while, nor what it should not have', () => {
  expect(theirs.length).toBeGreaterThan(1);
  const handover = stage();
  expect(handover.offer(pools, own, settledMs - 1)).toEqual({ againMs: settledMs });
  const ours = pools.filter((poolId) => !theirs.includes(poolId));
  expect(handover.offer(ours, own, settledMs)).toEqual({ againMs: Number.POSITIVE_INFINITY });
});

test('nothing is offered to a node that is drained, and it is nobody before others [N8]', () => {
  const handover = stage((nodeId) => nodeId === 'p1');
  expect(handover.offer(pools, own, settledMs)).toEqual({ againMs: Number.POSITIVE_INFINITY });
  for (const poolId of theirs) expect(handover.ranked(poolId, own).map(({ id }) => id)).toEqual([own]);
});

test('one pool at a time, at its pace', () => {
  const handover = stage();
  const againMs = settledMs + handoverPaceMs;
  expect(handover.offer(pools, own, settledMs)).toEqual({ pool: theirs[0], againMs });
  expect(handover.offer(theirs.slice(1), own, againMs - 1)).toEqual({ againMs });
  expect(handover.offer(theirs.slice(1), own, againMs)).toMatchObject({ pool: theirs[1] });
});

test('a pool that was not taken comes back, and is not offered again for a while', () => {
  const handover = stage();
  const declined = theirs.slice(0, 1);
  handover.offer(declined, own, settledMs);
  expect(handover.leftUntilMs(declined[0] ?? '')).toBe(settledMs + handoverPaceMs);
  const againMs = settledMs + offerAgainMs;
  expect(handover.offer(declined, own, againMs - 1)).toEqual({ againMs });
  expect(handover.offer(declined, own, againMs)).toMatchObject({ pool: declined[0] });
});
