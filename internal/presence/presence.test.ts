import { expect, test } from 'vitest';
import { createPresence, type Sighting } from './presence.ts';

const minute = 60_000;

/** A node, and what it was heard to say. */
function node(nodeId: string, siblings: readonly string[] = [], group: readonly string[] = []) {
  const moves: string[] = [];
  const lost: string[] = [];
  const contests: string[] = [];
  const presence = createPresence({
    nodeId,
    isSibling: (id) => siblings.includes(id),
    together: (a, b) => group.includes(a) && group.includes(b),
    onMove: (here, moved) => moves.push(...moved.map((id) => `${id} ${here.sequenceOf(id) ?? 'gone'}`)),
    onLost: (tunnelId, to) => lost.push(`${tunnelId} ${to}`),
    onContest: (tunnelId) => contests.push(tunnelId),
  });
  const shake = (handshakeMs: number, tunnelId = 't') => presence.seen([{ tunnelId, handshakeMs }], handshakeMs);
  return { presence, moves, lost, contests, shake };
}
const claim = (nodeId: string, sequence: number, handshakeMs = 1) => ({ tunnelId: 't', nodeId, sequence, handshakeMs });

test('a handshake here is told once, a rekey is no news', () => {
  const { presence, shake, moves } = node('p1');
  expect(shake(1)).toEqual([claim('p1', 1)]);
  expect(shake(2 * minute)).toEqual([]);
  expect(moves).toEqual(['t 1']);
  expect(presence.all()).toEqual([claim('p1', 1)]);
});

test('where a session starts, there the tunnel moves; the loser lets go and says so [A3]', () => {
  const [north, east] = [node('north'), node('east')];
  east.presence.told('north', north.shake(1_000), 1_000);
  const news = east.shake(5_000);
  expect(news).toEqual([claim('east', 2, 5_000)]);
  expect(east.presence.here().contended('t')).toBe(true);
  const answer = north.presence.told('east', news, 5_001);
  expect(north.moves).toEqual(['t 1', 't gone']);
  expect(north.lost).toEqual(['t east']);
  east.presence.told('north', answer, 5_002);
  expect(east.presence.here().contended('t')).toBe(false);
});

test('what comes from a sibling is nobody else’s to let go: the slab of both leads to it [N8]', () => {
  const [north, south] = [node('north', ['south']), node('south', ['north'])];
  south.presence.told('north', north.shake(1_000), 1_000);
  expect(south.shake(5_000)).toEqual([claim('south', 2, 5_000)]);
  expect(south.presence.here().contended('t')).toBe(false);
});

test('what the loser has let go is said again to a holder that says it holds it', () => {
  const [north, east] = [node('north'), node('east')];
  east.presence.told('north', north.shake(1_000), 1_000);
  north.presence.told('south', east.shake(5_000), 5_000);
  expect(east.presence.here().contended('t')).toBe(true);
  east.presence.told('north', north.presence.told('east', east.presence.all(), 5_100), 5_101);
  expect(east.presence.here().contended('t')).toBe(false);
});

test('a rekey moves nothing: with both up there is no to and fro, and no steal-back [A3]', () => {
  const [north, east] = [node('north'), node('east')];
  east.presence.told('north', north.shake(1_000), 1_000);
  north.presence.told('east', east.shake(15_000), 15_000);
  for (let at = 2 * minute; at < 60 * minute; at += 2 * minute) {
    expect(north.shake(at)).toEqual([]);
    expect(east.shake(at + 14_000)).toEqual([]);
  }
  expect(north.contests).toHaveLength(29);
  expect(east.presence.here().has('t')).toBe(true);
  // A session that starts anew is no rekey.
  expect(north.shake(64 * minute)).toEqual([claim('north', 3, 64 * minute)]);
});

test('who moved on and back before the news were here is asked for [A3]', () => {
  const [north, east] = [node('north'), node('east')];
  north.shake(9_000);
  north.presence.told('east', [claim('east', 2, 8_000)], 9_500);
  expect(north.contests).toEqual(['t']);
  // One that left is not.
  east.shake(1_000);
  east.presence.told('north', [claim('north', 2, 9_000)], 9_500);
  expect(east.contests).toEqual([]);
});

test('a handshake from before the move, told late, moves nothing', () => {
  const { presence, shake, contests } = node('p1');
  presence.told('p2', [claim('p2', 4, 9 * minute)], 10 * minute);
  expect(shake(8 * minute)).toEqual([]);
  expect(contests).toEqual(['t']);
  expect(presence.claimOf('t')).toEqual(claim('p2', 4, 9 * minute));
});

test('a node that has forgotten hears what the others know of it', () => {
  const { presence, shake } = node('p1');
  shake(1_000);
  expect(presence.told('p2', [claim('p1', 5, 900)], 1_001)).toEqual([]);
  expect(presence.here().sequenceOf('t')).toBe(5);
  presence.told('p2', [claim('p3', 6)], 1_002);
  expect(presence.here().has('t')).toBe(false);
});

test('of the same move at two nodes the lower id is right, at both', () => {
  const [a, b] = [node('a'), node('b')];
  const [ofA, ofB] = [a.shake(1_000), b.shake(2_000)];
  expect(b.presence.told('a', ofA, 2_001)).toEqual(ofA);
  expect(a.presence.told('b', ofB, 2_001)).toEqual(ofA);
  expect([a.presence.here().has('t'), b.presence.here().has('t')]).toEqual([true, false]);
});

test('one key on two devices: after five moves in three minutes it stays for ten [A3]', () => {
  const { presence, shake } = node('p1');
  presence.told('p2', [claim('p3', 1, 0)], 0);
  for (let move = 1; move <= 5; move += 1) presence.move('t', `p${(move % 2) + 1}`, move * 30_000);
  const frozenMs = 150_000 + 10 * minute;
  expect(presence.frozenUntilMs('t', 151_000)).toBe(frozenMs);
  expect(presence.frozen(151_000)).toEqual(['t']);
  presence.told('p3', [claim('p3', 7, 152_000)], 152_000);
  // Of what others have decided nothing is refused: all must agree.
  expect(presence.claimOf('t')?.nodeId).toBe('p3');
  expect(shake(153_000)).toEqual([]);
  const free = (presence.frozenUntilMs('t', 153_000) ?? 0) + minute;
  expect(presence.frozenUntilMs('t', free)).toBeUndefined();
  expect(shake(free)).toHaveLength(1);
});

test('slow moves freeze nothing', () => {
  const { presence } = node('p1');
  presence.told('p2', [claim('p2', 1, 0)], 0);
  for (let move = 1; move <= 20; move += 1) presence.move('t', `p${(move % 2) + 1}`, move * 50_000);
  expect(presence.frozenUntilMs('t', 1_000_001)).toBeUndefined();
});

test('siblings have whoever shakes hands with them: they take turns, and nothing freezes [N4]', () => {
  const { presence, contests } = node('a', ['b']);
  const sightings = (handshakeMs: number): readonly Sighting[] => [{ tunnelId: 't', handshakeMs }];
  for (let turn = 0; turn < 8; turn += 1) {
    presence.told('b', [claim('b', 2 * turn + 1, turn * 2_000)], turn * 2_000);
    expect(presence.seen(sightings(turn * 2_000 + 1_000), turn * 2_000 + 1_000)).toHaveLength(1);
  }
  expect(contests).toEqual([]);
  expect(presence.frozenUntilMs('t', 16_000)).toBeUndefined();
});

test.each([0, -1, 1.5, Number.NaN, 2 ** 31, 2 ** 53])('a claim by move %s is none', (sequence) => {
  const { presence } = node('p1');
  presence.told('p2', [claim('p2', sequence)], 1);
  expect(presence.claimOf('t')).toBeUndefined();
});

test.each([-1, 1.5, Number.POSITIVE_INFINITY, Number(2n ** 64n - 1n)])(
  'a claim by a handshake at %s is none',
  (atMs) => {
    const { presence } = node('p1');
    presence.told('p2', [claim('p2', 2, atMs)], 1);
    expect(presence.claimOf('t')).toBeUndefined();
  },
);

test('a handshake to come keeps no session from starting elsewhere [A3]', () => {
  const { presence, shake } = node('p1');
  presence.told('p2', [claim('p2', 1, 1_000 * minute)], minute);
  expect(shake(2 * minute)).toEqual([claim('p1', 2, 2 * minute)]);
});

test('a sibling’s tunnel does not come back by a handshake from long before it went there [N4]', () => {
  const { presence, shake, contests } = node('a', ['b']);
  presence.told('b', [claim('b', 3, 9 * minute)], 10 * minute);
  expect(shake(8 * minute)).toEqual([]);
  expect(contests).toEqual(['t']);
});

test('who counts as high as it goes has the tunnel until it is no node any more; no move is told that nobody believes', () => {
  const { presence, shake, contests } = node('p1');
  const highest = 2 ** 31 - 1;
  presence.told('p2', [claim('p2', highest)], 1);
  expect(shake(minute)).toEqual([]);
  expect(presence.move('t', 'p1', minute)).toEqual([]);
  expect(presence.claimOf('t')).toEqual(claim('p2', highest));
  expect(contests).toEqual([]);
  presence.gone('p2');
  expect(presence.all()).toEqual([]);
  expect(shake(3 * minute)).toEqual([claim('p1', 1, 3 * minute)]);
});

test('a node that is no node any more has let go of what came from it, and the others of nothing', () => {
  const { presence, shake, moves } = node('p1');
  presence.told('p2', [claim('p2', 1, 1)], 2);
  presence.told('p3', [{ ...claim('p3', 1, 1), tunnelId: 'u' }], 2);
  shake(minute);
  shake(minute, 'u');
  presence.gone('p2');
  expect([presence.here().contended('t'), presence.here().contended('u')]).toEqual([false, true]);
  expect(moves).toEqual(['t 2', 'u 2', 't 2']);
});

test('a tunnel that is gone is nobody’s', () => {
  const { presence, moves, shake } = node('p1');
  shake(1);
  presence.forget('t');
  expect(moves).toEqual(['t 1', 't gone']);
  expect(presence.all()).toEqual([]);
});

test('of what is held here it is known who held it before, also when that node has let go [A3]', () => {
  const { presence, shake } = node('p1');
  shake(1);
  expect(presence.cameFrom('t')).toBeUndefined();
  presence.told('p2', [claim('p2', 2)], 2);
  expect(presence.cameFrom('t')).toBeUndefined();
  presence.told('p2', [claim('p1', 3)], 3);
  expect(presence.here().contended('t')).toBe(false);
  expect(presence.cameFrom('t')).toBe('p2');
  presence.told('p3', [claim('p3', 4)], 4);
  expect(presence.cameFrom('t')).toBeUndefined();
  presence.forget('t');
  expect(presence.claimOf('t')).toBeUndefined();
});

test('of a shared endpoint a client is where it shook hands last, at once, and never at two devices [N8]', () => {
  const group = ['p1', 'p2'];
  const [p1, p2, p3] = [node('p1', [], group), node('p2', [], group), node('p3', [], group)];
  let atMs = 1_000;
  for (let turn = 0; turn < 8; turn += 1) {
    const [mover, other] = turn % 2 === 0 ? [p1, p2] : [p2, p1];
    const news = mover.shake(atMs);
    expect(news).toHaveLength(1);
    other.presence.told('x', news, atMs);
    p3.presence.told('x', news, atMs);
    atMs += 10_000;
  }
  expect([p1, p2, p3].flatMap(({ presence }) => presence.frozen(atMs))).toEqual([]);
  expect([...p1.contests, ...p2.contests]).toEqual([]);
  expect(p3.presence.claimOf('t')).toEqual(claim('p2', 8, atMs - 10_000));
  // What is told late is older than the move.
  expect(p1.presence.seen([{ tunnelId: 't', handshakeMs: atMs - 10_001 }], atMs)).toEqual([]);
});
