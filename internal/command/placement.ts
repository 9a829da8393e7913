// Placement: the PoPs that carry a tunnel, its home first.

import { type Refusal, refuse } from '#internal/errors/errors.ts';
import { carryingPops, type Snapshot } from '#internal/model/model.ts';
import type { CommandContext } from './context.ts';
import { notFound } from './fields.ts';
import { refusedRegional } from './regional.ts';

export interface Wanted {
  readonly homePopId: string;
  readonly popIds: readonly string[];
}

/**
 * The home is the one named, else the first of the PoPs named, else the deciding daemon's. No PoPs named: every one
 * that accepts tunnels and is ready. PoPs that share an endpoint with one of them carry it too. Refuses `not-found`, `invalid` for a PoP that accepts none, `not-ready` for a REGIONAL
 * without its two COREs.
 */
export function placement(
  snapshot: Snapshot,
  wanted: Wanted,
  context: Pick<CommandContext, 'localPopId'>,
): readonly string[] | Refusal {
  for (const id of wanted.popIds) {
    const refusal = refusedPop(snapshot, 'tunnel.pop_ids', id);
    if (refusal !== undefined) return refusal;
  }
  const home = wanted.homePopId || wanted.popIds[0] || context.localPopId;
  const refusal = refusedPop(snapshot, 'tunnel.home_pop_id', home);
  if (refusal !== undefined) return refusal;
  const others =
    wanted.popIds.length > 0
      ? wanted.popIds
      : [...snapshot.pops]
          .filter(([id]) => refusedPop(snapshot, 'tunnel.pop_ids', id) === undefined)
          .map(([id]) => id)
          .sort();
  return carryingPops(snapshot, [home, ...others]);
}

function refusedPop(snapshot: Snapshot, field: string, id: string): Refusal | undefined {
  const pop = snapshot.pops.get(id)?.record;
  if (pop === undefined) return notFound(field, id, 'PoP');
  if (pop.acceptsTunnels) return refusedRegional(snapshot, field, pop);
  return refuse('invalid', { field, value: id, problem: 'accepts no tunnels', cure: 'a PoP that does' });
}
