// Refusals: the sessions of a node whose neighbour announces what it may not, by whom they are with.

import type { BgpCounts } from '#internal/dataplane/dataplane.ts';
import type { Snapshot } from '#internal/model/model.ts';
import { legsOf } from './legs.ts';
import { innerOf } from './routing.ts';
import { innerSessionName, sessionName, upstreamSessionName } from './session-names.ts';

/** What a neighbour announces, and how much of it is taken. */
export interface Refusal {
  readonly session: string;
  /** A node, or an upstream. */
  readonly neighbourId: string;
  /** Routes that stand. */
  readonly imported: number;
  /** Updates that were refused since the session came up. */
  readonly refused: number;
  /** Most routes that may stand; 0: any number. */
  readonly limit: number;
  readonly limitHit: boolean;
}

interface Neighbour {
  readonly id: string;
  /** A club's, or an upstream's. */
  readonly isOther: boolean;
}

/** What is told of a node travels with each of its reports, once a second; metrics have all. */
const mostTold = 64;

function neighboursOf(snapshot: Snapshot, nodeId: string): ReadonlyMap<string, Neighbour> {
  const node = snapshot.nodes.get(nodeId)?.record;
  const legs = node === undefined ? [] : legsOf(snapshot, node, { interconnectKeyFile: '' });
  const inner = (node && innerOf(snapshot, node)?.others) ?? [];
  const upstreams = [...snapshot.upstreams.values()].filter(({ record }) => record.nodeId === nodeId);
  return new Map(
    ([4, 6] as const).flatMap((family) => [
      ...legs.map(({ interconnect, turn, far, community }): [string, Neighbour] => [
        sessionName(interconnect.id, turn, family),
        { id: far.id, isOther: community !== undefined },
      ]),
      ...inner.map(({ id }): [string, Neighbour] => [innerSessionName(id, family), { id, isOther: false }]),
      ...upstreams.map(({ record: { id } }): [string, Neighbour] => [
        upstreamSessionName(id, family),
        { id, isOther: true },
      ]),
    ]),
  );
}

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/**
 * The worst first. Of nodes of one trust the limit alone counts: what one of two has heard of a new pool a moment before the
 * other is refused until that one has too. O(interconnects).
 */
export function refusalsOf(snapshot: Snapshot, nodeId: string, counts: readonly BgpCounts[]): readonly Refusal[] {
  const neighbours = neighboursOf(snapshot, nodeId);
  return counts
    .flatMap(({ session, imported, rejected, filtered, limit = 0, limitHit }): readonly Refusal[] => {
      const neighbour = neighbours.get(session);
      const refused = rejected + filtered;
      if (neighbour === undefined || !(limitHit || (neighbour.isOther && refused > 0))) return [];
      return [{ session, neighbourId: neighbour.id, imported, refused, limit, limitHit }];
    })
    .sort((a, b) => Number(b.limitHit) - Number(a.limitHit) || b.refused - a.refused || byText(a.session, b.session))
    .slice(0, mostTold);
}
