// Measuring nodes: of each place the node that measures for it.

import { nodesInForce } from '#internal/model/model.ts';
import { type Answering, nodeToAsk } from '#internal/reach/reach.ts';
import { isHeard } from '#internal/status/status.ts';
import type { ServiceContext } from './service.ts';

/** In the order of the places; a place of which nobody is heard is left out. O(nodes) */
export function measuringNodes({ head, status, config, clock }: ServiceContext): readonly Answering[] {
  const now = clock.wall();
  const candidates = nodesInForce(head.snapshot()).map(({ id, popId, drain }) => {
    const of = status.of(id);
    const heard = id === config.nodeId || (of !== undefined && isHeard(of, now));
    return {
      nodeId: id,
      popId,
      heard,
      drained: drain !== undefined,
      role: of?.report.role ?? '',
      load: of?.report.load ?? 0,
    };
  });
  const byPop = Map.groupBy(candidates, ({ popId }) => popId);
  return [...byPop.values()].flatMap((of) => nodeToAsk(of) ?? []);
}
