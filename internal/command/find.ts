// Find: the record that a person means.

import { type Refusal, refuse } from '#internal/errors/errors.ts';
import type { Pool, Tunnel } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { namesakes, type Snapshot } from '#internal/model/model.ts';
import type { Stored } from '#internal/model/record.ts';
import { parsePrefix } from '#internal/netip/netip.ts';

/** By id, by `<owner>/<name>`, or by a name that only one has. Refuses `required`, `not-found`, `invalid` (several). */
export function findTunnel(snapshot: Snapshot, ref: string): Stored<Tunnel> | Refusal {
  const field = 'tunnel';
  const cure = 'its id, owner/name, or name, as tunnel list shows them';
  if (ref === '') return refuse('required', { field, problem: 'is missing', cure });
  const byId = snapshot.tunnels.get(ref);
  // A hand-written record under another's key is nobody's to command.
  if (byId?.record.id === ref) return byId;
  const index = ref.includes('/') ? snapshot.tunnelsByOwnerAndName : snapshot.tunnelsByName;
  const ids = namesakes(index, ref);
  const [only] = ids;
  const found = only === undefined ? undefined : snapshot.tunnels.get(only);
  if (found === undefined || found.record.id !== only) {
    return refuse('not-found', { field, value: ref, problem: 'is no tunnel of this network', cure });
  }
  if (ids.length === 1) return found;
  return refuse('invalid', {
    field,
    value: ref,
    problem: `is the name of ${ids.length} tunnels`,
    cure: 'name it by its id',
  });
}

/**
 * By id or by the prefix that it has now (in any spelling). Refuses `required`, `not-found`, `invalid` (of several realms).
 * O(1).
 */
export function findPool(snapshot: Snapshot, ref: string, field = 'pool'): Stored<Pool> | Refusal {
  const cure = 'the id or prefix of one, as pool list shows them';
  if (ref === '') return refuse('required', { field, problem: 'is missing', cure });
  const prefix = ref.includes('/') ? parsePrefix(ref) : undefined;
  const ids = typeof prefix === 'string' ? (idsByPrefix(snapshot).get(prefix) ?? []) : [ref];
  const [only = ref] = ids;
  const found = snapshot.pools.get(only);
  if (ids.length > 1) {
    const problem = `is the prefix of ${ids.length} pools`;
    return refuse('invalid', { field, value: ref, problem, cure: `name it by its id: ${ids.join(', ')}` });
  }
  if (found?.record.id === only) return found;
  return refuse('not-found', { field, value: ref, problem: 'is no pool of this network', cure });
}

// Pools change seldom and are named in every request; an immutable map is its own version.
const remembered = new WeakMap<Snapshot['pools'], ReadonlyMap<string, readonly string[]>>();

function idsByPrefix({ pools }: Snapshot): ReadonlyMap<string, readonly string[]> {
  const known = remembered.get(pools);
  if (known !== undefined) return known;
  const ids = new Map<string, string[]>();
  for (const [id, { record }] of pools) ids.set(record.prefix, [...(ids.get(record.prefix) ?? []), id].sort());
  remembered.set(pools, ids);
  return ids;
}
