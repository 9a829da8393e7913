// Laws of a tunnel's whereabouts, in a model of PoPs, a mesh that delays, loses and reorders, and a stock client.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Claim, type Contest, createContests, createPresence } from './presence.ts';

const tickMs = 500;
const second = 1_000;
const tunnelId = 't';

interface Letter {
  readonly atMs: number;
  readonly from: number;
  readonly to: number;
  readonly claims: readonly Claim[];
  readonly contests: readonly Contest[];
}

/** One tunnel among some nodes; time passes by `pass`. @param delaysMs of letters, in turn */
function fabric(count: number, delaysMs: readonly number[]) {
  let nowMs = 1_000_000;
  let sent = 0;
  let mail: Letter[] = [];
  /** Nodes that a cut keeps apart are of different sides. */
  let sides = Array.from({ length: count }, () => 0);
  /** Up at these nodes; data goes by `speaking`. */
  const up = new Map<number, { handshakeMs: number; nextMs: number }>();
  let speaking: number | undefined;
  let moves = 0;
  const bytes = Array.from({ length: count }, () => 0);
  const name = (at: number): string => `p${at}`;
  const numbers = bytes.map((_, at) => at);

  const nodes = numbers.map((at) => {
    const presence = createPresence({
      nodeId: name(at),
      isSibling: () => false,
      together: () => false,
      onMove: () => undefined,
      onLost: () => {
        moves += 1;
      },
      onContest: (id) => contests.begin(id, nowMs),
    });
    const contests = createContests({
      nodeId: name(at),
      holderOf: (id) => presence.claimOf(id)?.nodeId,
      heard: (id) => sides[at] === sides[Number(id.slice(1))],
      frozen: (id) => presence.frozenUntilMs(id, nowMs) !== undefined,
    });
    return { presence, contests };
  });

  const post = (from: number, to: number, claims: readonly Claim[], contests: readonly Contest[] = []): void => {
    if (claims.length + contests.length === 0 || to === from || sides[from] !== sides[to]) return;
    mail.push({ atMs: nowMs + (delaysMs[sent % delaysMs.length] ?? 0), from, to, claims, contests });
    sent += 1;
  };
  const tellAll = (from: number, claims: readonly Claim[], contests: readonly Contest[] = []): void =>
    numbers.forEach((to) => post(from, to, claims, contests));

  function shake(at: number): void {
    up.set(at, { handshakeMs: nowMs, nextMs: nowMs + 120 * second });
    bytes[at] = (bytes[at] ?? 0) + 180;
    tellAll(at, nodes[at]?.presence.seen([{ tunnelId, handshakeMs: nowMs }], nowMs) ?? []);
  }
  function deliver(): void {
    const due = mail.filter((letter) => letter.atMs <= nowMs);
    mail = mail.filter((letter) => letter.atMs > nowMs);
    for (const { from, to, claims, contests } of due) {
      if (sides[from] !== sides[to]) continue;
      post(to, from, nodes[to]?.presence.told(name(from), claims, nowMs) ?? []);
      nodes[to]?.contests.asked(name(from), contests, nowMs);
    }
  }
  function step(): void {
    nowMs += tickMs;
    for (const [at, session] of up) {
      if (nowMs >= session.nextMs) shake(at);
      if (at === speaking) bytes[at] = (bytes[at] ?? 0) + 96;
      else if ((nowMs - session.handshakeMs) % (25 * second) === 0) bytes[at] = (bytes[at] ?? 0) + 32;
    }
    deliver();
    nodes.forEach(({ presence, contests }, at) => {
      if (contests.wanted(nowMs).length === 0) return;
      const { asks, given, taken } = contests.tick(new Map([[tunnelId, bytes[at] ?? 0]]), nowMs);
      tellAll(at, [], asks);
      for (const { nodeId } of given) tellAll(at, presence.move(tunnelId, nodeId, nowMs));
      if (taken.length > 0) tellAll(at, presence.move(tunnelId, name(at), nowMs));
    });
  }

  return {
    pass: (ms: number): void => {
      for (let left = ms; left > 0; left -= tickMs) step();
    },
    bringUp: (at: number): void => {
      // What it sent by the other one last is not answered: 15 s later it calls there again (KEEPALIVE + REKEY_TIMEOUT).
      const before = speaking === undefined ? undefined : up.get(speaking);
      if (before !== undefined) before.nextMs = Math.min(before.nextMs, nowMs + 15 * second);
      speaking = at;
      shake(at);
    },
    takeDown: (at: number): void => {
      up.delete(at);
      if (speaking === at) speaking = [...up.keys()].at(-1);
    },
    /** A second device: speaks at both. */
    shake,
    alsoSpeaks: (at: number): void => {
      bytes[at] = (bytes[at] ?? 0) + 96;
    },
    cut: (next: readonly number[]): void => {
      const before = sides;
      sides = numbers.map((at) => next[at] ?? 0);
      // Streams that open anew tell everything.
      for (const from of numbers)
        for (const to of numbers)
          if (before[from] !== before[to] && sides[from] === sides[to])
            post(from, to, nodes[from]?.presence.all() ?? []);
    },
    speaking: () => speaking,
    isUp: (at: number) => up.has(at),
    moves: () => moves,
    holders: () => nodes.map(({ presence }) => presence.claimOf(tunnelId)?.nodeId),
    here: () => numbers.filter((at) => nodes[at]?.presence.here().has(tunnelId)),
  };
}

const count = 4;
const nodeNumber = fc.nat({ max: count - 1 });
const delays = fc.array(fc.nat({ max: 2_000 }), { minLength: 1, maxLength: 7 });
const event = fc.oneof(
  fc.record({ kind: fc.constant('up'), at: nodeNumber }),
  fc.record({ kind: fc.constant('down'), at: nodeNumber }),
  fc.record({ kind: fc.constant('wait'), ms: fc.integer({ min: 1, max: 400 }).map((half) => half * tickMs) }),
  fc.record({ kind: fc.constant('cut'), sides: fc.array(fc.nat({ max: 1 }), { minLength: count, maxLength: count }) }),
);

test('whatever is cut, lost, late or out of order: healed, all agree on one holder, and it is where the client is [A3]', () => {
  fc.assert(
    fc.property(delays, fc.array(event, { maxLength: 25 }), nodeNumber, (delaysMs, events, last) => {
      const world = fabric(count, delaysMs);
      for (const each of events) {
        if (each.kind === 'up' && 'at' in each) world.bringUp(each.at);
        if (each.kind === 'down' && 'at' in each) world.takeDown(each.at);
        if (each.kind === 'wait' && 'ms' in each) world.pass(each.ms);
        if (each.kind === 'cut' && 'sides' in each) world.cut(each.sides);
      }
      world.cut([]);
      for (let at = 0; at < count; at += 1) if (at !== last) world.takeDown(at);
      world.takeDown(last);
      world.bringUp(last);
      // One that was frozen before needs the longest silence.
      world.pass(70 * second);
      expect(world.holders()).toEqual(Array.from({ length: count }, () => `p${last}`));
      expect(world.here()).toEqual([last]);
    }),
    { numRuns: 150 },
  );
});

test('up at several PoPs it stays where it came last, however long: no flap, no steal-back [A3]', () => {
  fc.assert(
    fc.property(delays, fc.uniqueArray(nodeNumber, { minLength: 2 }), (delaysMs, ups) => {
      const world = fabric(count, delaysMs);
      for (const at of ups) {
        world.bringUp(at);
        world.pass(10 * second);
      }
      const last = world.speaking() ?? -1;
      expect(world.here()).toEqual([last]);
      const moves = world.moves();
      world.pass(20 * 60 * second);
      expect(world.here()).toEqual([last]);
      expect(world.moves()).toBe(moves);
    }),
    { numRuns: 30 },
  );
});

test('cut in two, both sides serve; healed, the side of more moves does [A3]', () => {
  const world = fabric(2, [20]);
  world.bringUp(0);
  world.pass(5 * second);
  world.cut([0, 1]);
  world.shake(1);
  world.pass(200 * second);
  expect(world.here()).toEqual([0, 1]);
  world.cut([0, 0]);
  world.pass(2 * second);
  expect(world.holders()).toEqual(['p1', 'p1']);
});

test('a client that comes back within the life of a session has its address again in five seconds [A3]', () => {
  const world = fabric(3, [100]);
  world.bringUp(0);
  world.pass(30 * second);
  world.takeDown(0);
  world.bringUp(1);
  world.pass(30 * second);
  world.takeDown(1);
  world.bringUp(0);
  world.pass(5 * second);
  expect(world.here()).toEqual([0]);
});
