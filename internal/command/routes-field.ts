// Routes field: what a node is told across an interconnect. A club's, of a MICRO PoP, gets the default route and pools as a
// whole, whoever asks; nodes of COREs and REGIONALs need every route.

import { type Refusal, refuse } from '#internal/errors/errors.ts';
import { type Node, PopKind } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { Snapshot } from '#internal/model/model.ts';

const words = ['full', 'aggregates'];

/** Refuses `invalid`: two clubs, no such word, or not what the kinds of the PoPs say. */
export function refusedRoutes(snapshot: Snapshot, routes: string, [a, b]: readonly [Node, Node]): Refusal | undefined {
  const isClub = ({ popId }: Node): boolean => snapshot.pops.get(popId)?.record.kind === PopKind.MICRO;
  if (isClub(a) && isClub(b) && a.popId !== b.popId) {
    const about = { field: 'interconnect.node_b', value: b.id, problem: `is of a MICRO PoP, as ${a.id} is of another` };
    return refuse('invalid', { ...about, cure: 'a node of a CORE or REGIONAL at one end' });
  }
  if (routes === '') return undefined;
  const about = { field: 'interconnect.routes', value: routes };
  if (!words.includes(routes))
    return refuse('invalid', { ...about, problem: 'is none of them', cure: words.join(' or ') });
  const club = a.popId === b.popId ? undefined : [b, a].find(isClub);
  if (club !== undefined && routes === 'full') {
    const problem = `is not for ${club.id}, whose PoP is a MICRO`;
    return refuse('invalid', { ...about, problem, cure: 'aggregates: the default route, and pools as a whole' });
  }
  if (club !== undefined || routes === 'full') return undefined;
  const problem = `is not enough for ${b.id}, whose PoP is no MICRO`;
  return refuse('invalid', { ...about, problem, cure: 'full: every route of the fabric' });
}
