import { describe, expect, test } from 'vitest';
import { active, down, facts, quiet, second, standby } from '#internal/testkit/duties.ts';
import { answerMs, callMs, lingerMs, loweredMs, yieldMs } from './move.ts';
import { type Duty, type Facts, step, takeOver } from './takeover.ts';

describe('a move by an order [N8]', () => {
  const at = (ms: number): number => quiet.nowMs + ms;
  const ordered = takeOver(standby(7), facts({ siblingEpoch: 7, siblingMove: 7 }));
  const moved = (duty: Duty | undefined, ms: number, change: Partial<Facts>): Duty => {
    if (duty === undefined) throw new Error('it was refused');
    return step(duty, facts({ ...change, nowMs: at(ms) }), second);
  };
  const asking = { siblingEpoch: 7, siblingMove: 7 };
  const yielding = { siblingEpoch: 7, siblingMove: 8 };

  test('the standby asks, calls when its sibling yields, and leads when all have answered', () => {
    expect(ordered).toMatchObject({ role: 'joining', epoch: 7, move: { toEpoch: 8 } });
    expect(moved(ordered, 100, asking).role).toBe('joining');
    const calling = moved(ordered, 125, yielding);
    expect(calling).toMatchObject({ role: 'calling', epoch: 7, move: { toEpoch: 8 } });
    expect(moved(calling, 200, { ...yielding, called: false }).role).toBe('calling');
    expect(moved(calling, 225, { ...yielding, called: true })).toMatchObject({ role: 'active', epoch: 8 });
    expect(moved(calling, 225, { ...yielding, called: true }).move).toBeUndefined();
  });
  test('it does not wait for ever, and not for a sibling that is gone or cut off from it', () => {
    expect(moved(ordered, answerMs, asking)).toMatchObject({ role: 'active', epoch: 8 });
    const calling = moved(ordered, 125, yielding);
    expect(moved(calling, 125 + callMs, yielding)).toMatchObject({ role: 'active', epoch: 8 });
    expect(moved(calling, 200, { ...yielding, heartbeat: 'down' })).toMatchObject({ role: 'active', epoch: 8 });
    expect(moved(moved(calling, 200, down), 225, down)).toMatchObject({ role: 'active', epoch: 8 });
  });
  test('it gives up when its sibling leads with more than was ordered, or it cannot lead itself', () => {
    const calling = moved(ordered, 125, yielding);
    expect(moved(calling, 200, { siblingEpoch: 9, siblingMove: 9 })).toMatchObject({ role: 'standby', epoch: 9 });
    for (const change of [{ alive: false }, { upstream: false }, { leased: false }])
      expect(moved(calling, 200, { ...yielding, ...change }).role).toBe('waiting');
  });
  test('the active node yields, goes on while the other one calls, and leaves after it has led for a while', () => {
    const asked = moved(active(7), 0, { siblingMove: 8 });
    expect(asked).toMatchObject({ role: 'yielding', epoch: 7, move: { toEpoch: 8 } });
    expect(moved(asked, 5_000, { siblingMove: 8 }).role).toBe('yielding');
    const led = { siblingEpoch: 8, siblingMove: 8 };
    const handed = moved(asked, 500, led);
    expect(handed).toMatchObject({ role: 'handed', epoch: 7 });
    expect(moved(handed, 475 + loweredMs, led).role).toBe('handed');
    const leaving = moved(handed, 500 + loweredMs, led);
    expect(leaving.role).toBe('leaving');
    expect(moved(leaving, 475 + lingerMs, led).role).toBe('leaving');
    expect(moved(leaving, 500 + lingerMs, led)).toMatchObject({ role: 'standby', epoch: 8 });
  });
  test('it does not yield to an epoch that is over, or where it could not hand over', () => {
    expect(moved(active(7), 0, { siblingMove: 7 }).role).toBe('active');
    expect(moved(active(7), 0, { siblingMove: 8, heartbeat: 'down' }).role).toBe('active');
  });
  test('it goes on, with more than was ordered, when the other one is gone before it leads, or never does', () => {
    const asked = moved(active(7), 0, { siblingMove: 8 });
    const forsaken = moved(asked, 1_000, {});
    expect(forsaken.role).toBe('yielding');
    expect(moved(forsaken, 1_025, {})).toMatchObject({ role: 'active', epoch: 9 });
    // A look without an answer says nothing of the other one.
    const blind = { heartbeat: 'unknown', underlay: 'unknown', reached: false } as const;
    expect(moved(moved(asked, 1_000, blind), 1_025, blind).role).toBe('yielding');
    expect(moved(asked, yieldMs, { siblingMove: 8 })).toMatchObject({ role: 'active', epoch: 9 });
  });
  test('it takes the PoP back when the other one dies while it still carries', () => {
    const handed = moved(moved(active(7), 0, { siblingMove: 8 }), 500, { siblingEpoch: 8, siblingMove: 8 });
    const dead = moved(moved(handed, 600, down), 625, down);
    expect(dead).toMatchObject({ role: 'active', epoch: 9 });
  });
});
