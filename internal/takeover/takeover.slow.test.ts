import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { active, down, facts, quiet, second, standby } from '#internal/testkit/duties.ts';
import {
  coldDuty,
  coldStartMs,
  type Duty,
  type Facts,
  leads,
  settledMs,
  speaks,
  step,
  takeOver,
  thawedMs,
} from './takeover.ts';

const first = { first: true };

/** Steps each 25 ms for so long; gives what it is then. */
function after(duty: Duty, ms: number, change: Partial<Facts>, place = first): Duty {
  let now = duty;
  for (let at = 0; at <= ms; at += 25) now = step(now, facts({ ...change, nowMs: quiet.nowMs + at }), place);
  return now;
}

test('a cold start of both: the lower id leads after 3 s, the other one follows it [N7]', () => {
  expect(after(coldDuty(4), coldStartMs - 25, {}).role).toBe('waiting');
  expect(after(coldDuty(4), coldStartMs, {})).toMatchObject({ role: 'active', epoch: 5 });
  expect(after(coldDuty(4), coldStartMs, {}, second).role).toBe('waiting');
  expect(after(coldDuty(4), 25, { siblingEpoch: 5 }, second)).toMatchObject({ role: 'standby', epoch: 5 });
});

test('a node that hears nobody leads after 3 s, whichever it is; one that cannot look, never [N7]', () => {
  expect(after(coldDuty(0), coldStartMs, down, second)).toMatchObject({ role: 'active', epoch: 1 });
  const blind = { heartbeat: 'unknown', underlay: 'unknown', reached: false } as const;
  expect(after(coldDuty(0), 60_000, blind).role).toBe('waiting');
});

describe('a standby takes over [N7]', () => {
  test('at once, when both ways to its sibling are down', () => {
    expect(after(standby(7), 0, down, second).role).toBe('standby');
    expect(after(standby(7), 25, down, second)).toMatchObject({ role: 'active', epoch: 8 });
  });
  test('when its sibling says that it has stepped down, once the session has settled', () => {
    expect(after(standby(7), settledMs - 25, {}).role).toBe('standby');
    expect(after(standby(7), settledMs, {})).toMatchObject({ role: 'active', epoch: 8 });
  });
  test.each([
    ['the heartbeat alone is down', { heartbeat: 'down', siblingEpoch: 7 }],
    ['the underlay alone is down', { underlay: 'down', siblingEpoch: 7 }],
    ['one way is down and the other not known', { heartbeat: 'down', underlay: 'unknown', reached: false }],
    ['its own way out is down too', { ...down, upstream: false }],
    ['its own WireGuard is dead', { ...down, alive: false }],
    ['the sibling is still heard', { ...down, siblingEpoch: 7 }],
    ['nothing is known of either way', { heartbeat: 'unknown', underlay: 'unknown' }],
  ] as const)('not when %s', (_, change) => {
    expect(after(standby(7), 5_000, change).role).toBe('standby');
  });
});

test('an active node that was fenced while it stood still gives its sibling more time to be heard [N7]', () => {
  const thawed = step(active(7), facts({ ...down, leased: false }), first);
  expect(thawed).toMatchObject({ role: 'waiting', alarm: 'stood-still' });
  expect(after(thawed, thawedMs - 25, down).role).toBe('waiting');
  expect(after(thawed, thawedMs, down)).toMatchObject({ role: 'active', epoch: 8 });
});

test('a standby that stood still hears nobody when it runs on, and takes nothing over before it can know [N7]', () => {
  const alone = after(standby(7), 100, { ...down, upstream: false });
  expect(after(alone, coldStartMs - 200, { ...down, nowMs: 0 }).role).toBe('standby');
  const stopped = after(standby(7), 100, { siblingEpoch: 7 });
  const late = step(stopped, facts({ ...down, nowMs: quiet.nowMs + 5_000 }), second);
  expect(step(late, facts({ ...down, nowMs: quiet.nowMs + 5_025 }), second).role).toBe('standby');
});

test('a standby whose own BIRD comes back waits until it can know what its sibling does [N7]', () => {
  const blind = { heartbeat: 'unknown', underlay: 'unknown' } as const;
  const told = after(standby(7), 2_000, { siblingEpoch: 7 });
  const silent = step(told, facts({ ...blind, nowMs: quiet.nowMs + 2_000 }), first);
  // Its session has stood for long, as far as it knew: that does not count any more.
  const again = step(silent, facts({ nowMs: quiet.nowMs + 2_025 }), first);
  expect(step(again, facts({ nowMs: quiet.nowMs + 2_050 }), first).role).toBe('standby');
  // Nobody watches its way out: it looks as if it stood.
  const restarted = after(standby(7), 100, blind);
  expect(after(restarted, coldStartMs - 200, down).role).toBe('standby');
});

describe('a node whose clock is behind says so, and is the last choice [N7]', () => {
  const behind = { clockBehind: true } as const;
  test('it goes on as what it is, and tells', () => {
    expect(step(active(7), facts(behind), first)).toMatchObject({ role: 'active', epoch: 7, alarm: 'clock-behind' });
    expect(after(standby(7), 60_000, { ...behind, siblingEpoch: 7 })).toMatchObject({
      role: 'standby',
      alarm: 'clock-behind',
    });
  });
  test('of a way that is down it tells first', () => {
    expect(step(standby(7), facts({ ...behind, siblingEpoch: 7, heartbeat: 'down' }), first).alarm).toBe(
      'heartbeat-down',
    );
  });
  test("a cold start is the other one's, whichever is first, unless that does not lead", () => {
    expect(after(coldDuty(0), 2 * coldStartMs, {}, second).role).toBe('active');
    expect(after(coldDuty(0), 3 * coldStartMs - 25, behind).role).toBe('waiting');
    expect(after(coldDuty(0), 3 * coldStartMs, behind).role).toBe('active');
  });
  test('an order is refused; a death is not, because nobody else is there', () => {
    expect(takeOver(standby(7), facts({ ...behind, siblingEpoch: 7 }))).toBeUndefined();
    expect(after(standby(7), 25, { ...down, ...behind }, second)).toMatchObject({ role: 'active', epoch: 8 });
  });
});

describe('an active node lets go [N7]', () => {
  test.each([
    ['its kernel has fenced it', { leased: false }, 'stood-still'],
    ['its WireGuard died', { alive: false }, 'process-died'],
    ['its way out is gone', { upstream: false }, 'cut-off'],
  ] as const)('when %s', (_, change, alarm) => {
    expect(step(active(7), facts(change), first)).toMatchObject({ role: 'waiting', epoch: 7, alarm });
  });
  test('when BIRD is silent for longer than its sibling waits', () => {
    const blind = { heartbeat: 'unknown', underlay: 'unknown' } as const;
    expect(after(active(7), 375, blind).role).toBe('active');
    expect(after(active(7), 400, blind)).toMatchObject({ role: 'waiting', alarm: 'bird-silent' });
  });
  test('when it sees a higher epoch, or its own and it has the higher id', () => {
    expect(step(active(7), facts({ siblingEpoch: 8 }), first)).toMatchObject({ role: 'standby', epoch: 8 });
    expect(step(active(7), facts({ siblingEpoch: 7 }), second)).toMatchObject({ role: 'standby', epoch: 7 });
    expect(step(active(7), facts({ siblingEpoch: 7 }), first).role).toBe('active');
    expect(step(active(7), facts({ siblingEpoch: 6 }), second).role).toBe('active');
  });
  test('for nothing else: a sibling that is away, or one of two ways', () => {
    expect(after(active(7), 60_000, down)).toMatchObject({ role: 'active', epoch: 7 });
    expect(step(active(7), facts({ heartbeat: 'down' }), first)).toMatchObject({ alarm: 'heartbeat-down' });
    expect(step(active(7), facts({ underlay: 'down' }), first)).toMatchObject({ alarm: 'underlay-down' });
  });
});

test('an order takes over with a higher epoch; what cannot carry the PoP refuses it [N7]', () => {
  const cut = { siblingEpoch: 9, heartbeat: 'down' } as const;
  expect(takeOver(standby(7), facts(cut))).toMatchObject({ role: 'active', epoch: 10 });
  expect(takeOver(active(7), facts({}))).toEqual(active(7));
  expect(takeOver(standby(7), facts({ upstream: false }))).toBeUndefined();
  expect(takeOver(standby(7), facts({ alive: false }))).toBeUndefined();
});

// Two machines and what lies between them.

const tickMs = 25;
const detectMs = 300;
const leaseMs = 400;
/** BFD comes up again, BGP after it; the way out before the ways to the sibling, which is the worst order. */
const upAgainMs = 400;
const outAgainMs = 100;
const sessionMs = 600;

const eventOf = fc.record({
  afterMs: fc.integer({ min: 0, max: 6_000 }),
  what: fc.constantFrom(
    ...([
      'heartbeat',
      'underlay',
      'both',
      'upstream',
      'freeze',
      'silent',
      'restart',
      'clock',
      'hang',
      'order',
    ] as const),
  ),
  who: fc.constantFrom<0 | 1>(0, 1),
  lastsMs: fc.integer({ min: 25, max: 8_000 }),
});
type Event = typeof eventOf extends fc.Arbitrary<infer T> ? T : never;

/** What one end of a BFD session sees of whether packets come. */
class Session {
  private silentMs = 0;
  private heardMs = Number.POSITIVE_INFINITY;
  readonly againMs: number;
  constructor(againMs: number) {
    this.againMs = againMs;
  }

  tick(carries: boolean): void {
    this.silentMs = carries ? 0 : this.silentMs + tickMs;
    if (this.silentMs >= detectMs) this.heardMs = 0;
    else if (carries) this.heardMs += tickMs;
  }
  get up(): boolean {
    return this.heardMs >= this.againMs;
  }
}

class Node {
  duty = coldDuty(0);
  fenced = true;
  frozenUntilMs = 0;
  frozenMs = 0;
  cutUntilMs = 0;
  behindUntilMs = 0;
  /** Its privileged half does nothing; its BIRD goes on. */
  hungUntilMs = 0;
  orderedUntilMs = 0;
  /** BIRD does not answer; it is not there at all, and its sessions are down. */
  silentUntilMs = 0;
  goneUntilMs = 0;
  readonly out = new Session(outAgainMs);
}

/** What a node announces of a move. */
function movesTo({ role, epoch, move }: Duty): { siblingMove?: number } {
  if (role === 'active') return { siblingMove: epoch };
  const announced = role === 'joining' || role === 'calling' || role === 'yielding';
  return announced && move !== undefined ? { siblingMove: move.toEpoch } : {};
}

class Pair {
  nowMs = 0;
  readonly nodes = [new Node(), new Node()] as const;
  readonly cutUntilMs = { heartbeat: 0, underlay: 0 };
  readonly links = { heartbeat: new Session(upAgainMs), underlay: new Session(upAgainMs) };
  linkedMs = 0;
  bothMs = 0;
  /** How long the clients of a node that calls take to answer. */
  readonly callsMs: number;
  constructor(callsMs = 0) {
    this.callsMs = callsMs;
  }

  happens({ what, who, lastsMs }: Event): void {
    const end = this.nowMs + lastsMs;
    if (what === 'heartbeat' || what === 'both') this.cutUntilMs.heartbeat = end;
    if (what === 'underlay' || what === 'both') this.cutUntilMs.underlay = end;
    if (what === 'upstream') this.nodes[who].cutUntilMs = end;
    if (what === 'freeze') this.nodes[who].frozenUntilMs = end;
    if (what === 'silent') this.nodes[who].silentUntilMs = end;
    if (what === 'clock') this.nodes[who].behindUntilMs = end;
    if (what === 'hang') this.nodes[who].hungUntilMs = end;
    if (what === 'order') this.nodes[who].orderedUntilMs = end;
    if (what === 'restart') this.nodes[who].goneUntilMs = end;
  }

  tick(): void {
    this.nowMs += tickMs;
    const frozen = (node: Node): boolean => node.frozenUntilMs > this.nowMs;
    const gone = (node: Node): boolean => node.goneUntilMs > this.nowMs;
    const hung = (node: Node): boolean => node.hungUntilMs > this.nowMs;
    const blind = (node: Node): boolean => gone(node) || node.silentUntilMs > this.nowMs;
    const awake = !this.nodes.some(frozen);
    const talk = awake && !this.nodes.some(gone);
    for (const link of ['heartbeat', 'underlay'] as const)
      this.links[link].tick(talk && this.cutUntilMs[link] <= this.nowMs);
    const { heartbeat, underlay } = this.links;
    this.linkedMs = heartbeat.up || underlay.up ? this.linkedMs + tickMs : 0;
    const reached = this.linkedMs >= sessionMs;
    const before = this.nodes.map(({ duty }) => duty);
    for (const at of [0, 1] as const) {
      const node = this.nodes[at];
      node.out.tick(!frozen(node) && !gone(node) && node.cutUntilMs <= this.nowMs);
      node.frozenMs = frozen(node) ? node.frozenMs + tickMs : 0;
      // The kernel's own doing.
      if (node.frozenMs >= leaseMs) node.fenced = true;
      if (frozen(node) || hung(node)) continue;
      const other = before[1 - at];
      const { role: was, move } = node.duty;
      const pathOf = ({ up }: Session) => (blind(node) ? 'unknown' : up ? 'up' : 'down');
      const told = reached && !blind(node) && other !== undefined;
      const place = { first: at === 0 };
      const seen: Facts = {
        nowMs: this.nowMs,
        heartbeat: pathOf(heartbeat),
        underlay: pathOf(underlay),
        reached: reached && !blind(node),
        ...(told && leads(other.role) && { siblingEpoch: other.epoch }),
        ...(told && movesTo(other)),
        // What was told last stands.
        upstream: blind(node) || node.out.up,
        alive: true,
        clockBehind: node.behindUntilMs > this.nowMs,
        called: this.nowMs - (move?.sinceMs ?? this.nowMs) >= this.callsMs,
        ...(speaks(was) && { leased: !node.fenced }),
      };
      const ordered = node.orderedUntilMs > this.nowMs ? takeOver(node.duty, seen) : undefined;
      node.duty = ordered ?? step(node.duty, seen, place);
      if (ordered !== undefined && leads(ordered.role)) node.orderedUntilMs = 0;
      if (speaks(node.duty.role) !== speaks(was)) node.fenced = !speaks(node.duty.role);
    }
    // Who stands still says nothing.
    const hears = reached && !this.nodes.some((node) => blind(node) || hung(node));
    if (awake) this.bothMs = hears && this.nodes.every(({ duty }) => leads(duty.role)) ? this.bothMs + tickMs : 0;
  }
}

test('whatever happens between two nodes: who hears the other never leads beside it, and in the end one does [N7]', () => {
  fc.assert(
    fc.property(fc.array(eventOf, { maxLength: 10 }), fc.integer({ min: 0, max: 12_000 }), (events, callsMs) => {
      const pair = new Pair(callsMs);
      const run = (ms: number): void => {
        for (let left = ms; left > 0; left -= tickMs) {
          pair.tick();
          // Two looks: one to hear it, one to let go.
          if (pair.bothMs > 2 * tickMs) throw new Error(`both lead at ${pair.nowMs} ms`);
          for (const { duty, fenced, frozenMs } of pair.nodes)
            if (frozenMs === 0 && !fenced && !speaks(duty.role)) throw new Error(`${duty.role} speaks`);
        }
      };
      for (const event of events) {
        run(event.afterMs);
        pair.happens(event);
      }
      // Longer than a move that nobody goes on with.
      run(40_000);
      expect(pair.nodes.filter(({ fenced }) => !fenced)).toHaveLength(1);
      expect(pair.nodes.map(({ duty }) => duty.role).sort()).toEqual(['active', 'standby']);
      // Nothing happens any more: nothing moves.
      const settled = (): readonly unknown[] => pair.nodes.map(({ duty: { role, epoch } }) => ({ role, epoch }));
      const then = settled();
      run(10_000);
      expect(settled()).toEqual(then);
    }),
    { numRuns: 100 },
  );
});

test('a standby that is stopped, or whose BIRD is away, takes nothing from an active node that is well [N7]', () => {
  const ofStandby = fc.constantFrom('freeze', 'silent', 'restart');
  fc.assert(
    fc.property(ofStandby, fc.integer({ min: 25, max: 9_000 }), (what, lastsMs) => {
      const pair = new Pair();
      const run = (ms: number): void => {
        for (let left = ms; left > 0; left -= tickMs) pair.tick();
      };
      run(10_000);
      const [active, standbyNode] = pair.nodes;
      const { epoch } = active.duty;
      pair.happens({ what, who: 1, lastsMs, afterMs: 0 });
      run(lastsMs + 10_000);
      expect(active.duty).toMatchObject({ role: 'active', epoch });
      expect(standbyNode.duty.role).toBe('standby');
    }),
    { numRuns: 100 },
  );
});
