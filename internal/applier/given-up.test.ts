import { expect, test } from 'vitest';
import { emptyDataplane, type MutableDataplane, type Peer, put } from '#internal/dataplane/dataplane.ts';
import { plan } from '#internal/plan/plan.ts';
import { givenUp } from './given-up.ts';

const link = 'p44w0';
const four = '44.31.0.1/32';
const six = '2001:db8:44:1::/64';
const peer = (publicKey: string, allowedIps: readonly string[], more: Partial<Peer> = {}): Peer => ({
  link,
  publicKey,
  allowedIps,
  keepaliveSeconds: 0,
  ...more,
});
function holding(...peers: readonly Peer[]): MutableDataplane {
  const made = emptyDataplane();
  for (const each of peers) put(made, 'peer', each);
  return made;
}

test.each<[string, MutableDataplane, MutableDataplane, readonly string[]]>([
  ['a tunnel that goes: all it had', holding(peer('a', [six, four])), holding(), [six, four]],
  ['one that comes: nothing', holding(), holding(peer('a', [six, four])), []],
  ['another prefix: the old one', holding(peer('a', [four, six])), holding(peer('a', ['44.31.0.2/32', six])), [four]],
  ['another setting: nothing', holding(peer('a', [four])), holding(peer('a', [four], { keepaliveSeconds: 25 })), []],
  [
    'another tunnel with the same prefix at once: what changed hands',
    holding(peer('a', [six, four])),
    holding(peer('b', [four])),
    [six, four],
  ],
  [
    'the next key of the tunnel takes over: nothing',
    holding(peer('a', [four]), peer('b', [], { successorOf: 'a' })),
    holding(peer('a', []), peer('b', [four], { successorOf: 'a' })),
    [],
  ],
  [
    'it is the only one left before it took over: nothing',
    holding(peer('a', [four]), peer('b', [], { successorOf: 'a' })),
    holding(peer('b', [four])),
    [],
  ],
  [
    'the rotation is taken back after it took over: nothing',
    holding(peer('a', []), peer('b', [four], { successorOf: 'a' })),
    holding(peer('a', [four])),
    [],
  ],
  [
    "the window of a PoP's keys ends: nothing",
    holding(peer('a', [four]), peer('a', [four], { link: 'p44w1' })),
    holding(peer('a', [four], { link: 'p44w1' })),
    [],
  ],
  [
    'a tunnel that goes meanwhile: all it had',
    holding(peer('a', [four]), peer('a', [four], { link: 'p44w1' })),
    holding(),
    [four],
  ],
  [
    'it ends while a tunnel uses its next key on the interface that stays: nothing',
    holding(
      ...[peer('a', [four]), peer('b', [], { successorOf: 'a' })],
      ...[peer('a', [], { link: 'p44w1' }), peer('b', [four], { link: 'p44w1', successorOf: 'a' })],
    ),
    holding(peer('a', [], { link: 'p44w1' }), peer('b', [four], { link: 'p44w1', successorOf: 'a' })),
    [],
  ],
  [
    'it is cancelled while a tunnel uses its next key on the interface that goes: nothing',
    holding(
      ...[peer('a', [four]), peer('b', [], { successorOf: 'a' })],
      ...[peer('a', [], { link: 'p44w1' }), peer('b', [four], { link: 'p44w1', successorOf: 'a' })],
    ),
    holding(peer('a', [four]), peer('b', [], { successorOf: 'a' })),
    [],
  ],
  [
    'another prefix, while both keys change: the old one',
    holding(
      ...[peer('a', [four]), peer('b', [], { successorOf: 'a' })],
      ...[peer('a', [], { link: 'p44w1' }), peer('b', [four], { link: 'p44w1', successorOf: 'a' })],
    ),
    holding(
      ...[peer('a', ['44.31.0.2/32']), peer('b', [], { successorOf: 'a' })],
      ...[peer('a', [], { link: 'p44w1' }), peer('b', ['44.31.0.2/32'], { link: 'p44w1', successorOf: 'a' })],
    ),
    [four],
  ],
  [
    'a neighbour of the mesh: no flow of a tunnel',
    holding(peer('n', ['fd44:44::2/128'], { link: 'p44m' })),
    holding(),
    [],
  ],
])('%s [S2]', (_, found, want, gone) => {
  expect(givenUp(plan(want, found), want.peer)).toEqual(gone);
});
