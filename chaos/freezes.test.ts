import fc from 'fast-check';
import { expect, test } from 'vitest';
import { scheduleFaults } from './fault-schedule.ts';
import { faultTable } from './fault.ts';
import { leaveAlone, planFreezes } from './freezes.ts';

const span = { nodes: ['p1', 'p2', 'p3'], leaseMs: 3_000 };

test('freezes come one after another, outlive the lease, and end in time', () => {
  fc.assert(
    fc.property(fc.nat(10_000), (seed) => {
      const planned = planFreezes({ ...span, seed, fromMs: 5_000, untilMs: 60_000 });
      expect(planned.length).toBeGreaterThanOrEqual(4);
      for (const [at, { durationMs, at: begins }] of planned.entries()) {
        expect(durationMs).toBeGreaterThanOrEqual(2 * span.leaseMs);
        expect(begins + durationMs).toBeLessThanOrEqual(60_000);
        const next = planned[at + 1];
        if (next !== undefined) expect(next.at).toBeGreaterThan(begins + durationMs);
      }
    }),
    { numRuns: 50 },
  );
});

test('a run of half a minute has a freeze after which a deposed leader tries to commit', () => {
  const [first, second] = planFreezes({ ...span, seed: 1, fromMs: 6_000, untilMs: 28_000 });
  expect([first?.point, second?.point]).toEqual(['boarded', 'sending']);
});

test('nothing else is done to a daemon around its freeze', () => {
  const seed = 11;
  const freezes = planFreezes({ ...span, seed, fromMs: 5_000, untilMs: 60_000 });
  const all = scheduleFaults({ ...span, seed, quietMs: 5_000, endMs: 60_000 });
  const left = leaveAlone(all, freezes);
  expect(left.length).toBeGreaterThan(0);
  expect(left.length).toBeLessThan(all.length);
  for (const { kind, target, at, durationMs } of left) {
    if (faultTable[kind].reach !== 'daemon' || kind === 'lease-revoked') continue;
    const meets = freezes.some(
      (freeze) => freeze.node === target && at < freeze.at + freeze.durationMs && at + durationMs > freeze.at,
    );
    expect(meets).toBe(false);
  }
});
