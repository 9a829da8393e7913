// Moves: how a tunnel's route tells by which of its moves it is there, so that nodes agree on the latest by BGP alone.
//
// The kernel route of a tunnel has the move as its metric, and other nodes hear it as a large community (as EVPN does with
// its sequence of MAC mobility, RFC 7432 7.7). Both become BIRD's preference, which goes before everything else: the later
// move wins at every node, at the one that has lost it too, whether its daemon has heard of it or not.

import { mostMoves, moveMetric } from '#internal/dataplane/ownership.ts';
import type { View } from './self.ts';

/** Second number of the large community (origin's ASN, this, move). */
const moveCommunity = 44;
/** Above every other preference of ours; the preference of a move is this and twice its number. */
const firstPreference = 1000;

/**
 * `p44_moved` gives a route that bears a move its preference. Of the same move by two nodes (the fabric was cut in two) the
 * lower node id wins, here as in the daemons (presence/claim.ts): a neighbour's is one more or one less than ours.
 */
export function moveFunction(view: View): readonly string[] {
  const lower = view.lowerAsns.length === 0 ? 'false' : `origin ~ [ ${view.lowerAsns.join(', ')} ]`;
  return [
    `function p44_wins(int origin) { return ${lower}; }`,
    'function p44_moved()',
    'int move; int origin;',
    '{',
    '  move = 0;',
    '  for lc each in bgp_large_community do',
    `    if each.data1 = ${moveCommunity} && each.data2 > move && each.data2 <= ${mostMoves} then { move = each.data2; origin = each.asn; }`,
    `  if move > 0 && p44_wins(origin) then preference = ${firstPreference + 1} + 2 * move;`,
    `  if move > 0 && !p44_wins(origin) then preference = ${firstPreference - 1} + 2 * move;`,
    '}',
  ];
}

/** In an import filter of a neighbour. */
export const movedHere = 'p44_moved();';
/** In that of one who has no say in where tunnels are: nothing of it means anything here. */
export const movesIgnored = 'unset(bgp_large_community);';

/** In the import filter of kernel routes. */
export const learnedMove = ({ node }: View): string =>
  `if krt_metric > ${moveMetric} && krt_metric <= ${moveMetric + mostMoves} then { preference = ${firstPreference} + 2 * (krt_metric - ${moveMetric}); bgp_large_community.add((${node.asn}, ${moveCommunity}, krt_metric - ${moveMetric})); }`;
