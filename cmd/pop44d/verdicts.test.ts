import { expect, test } from 'vitest';
import { realClock } from '#internal/clock/clock.ts';
import { createStatus } from '#internal/status/status.ts';
import { threePops } from '#internal/testkit/three-pops.ts';
import { createVerdicts } from './verdicts.ts';

/** p1's, which has interconnects. */
function judging() {
  const status = createStatus('p1');
  const told: unknown[] = [];
  let nowMs = 0;
  const verdicts = createVerdicts({
    nodeId: 'p1',
    status,
    snapshot: () => threePops(),
    shares: (next) => told.push(next),
    clock: { ...realClock, monotonicMs: () => nowMs },
    log: { info: () => undefined },
  });
  const paths = () => {
    nowMs += 500;
    verdicts.beat();
    return status.own().paths;
  };
  return { verdicts, paths, told };
}

test('a path that was never up is down as soon as somebody tells of paths, and its share stays [N4]', () => {
  const { verdicts, paths, told } = judging();
  const all = paths();
  expect(all.length).toBeGreaterThan(1);
  expect(all.map(({ verdict }) => verdict)).toEqual(all.map(() => 'good'));
  const [first] = all;
  verdicts.heard({ type: 'links', links: [[first?.link ?? '', true, 0]] });
  for (let beat = 0; beat < 100; beat += 1) paths();
  const now = paths();
  expect(now.map(({ up, verdict, weight }) => [up, verdict, weight])).toEqual([
    [true, 'good', 16],
    ...all.slice(1).map(() => [false, 'bad', 16]),
  ]);
  expect(told).toEqual([]);
  // What nobody tells of any more is no loss.
  verdicts.lost();
  expect(paths().map(({ verdict }) => verdict)).toEqual(all.map(() => 'good'));
});
