// Find: the record that a person means.

import { type Refusal, refuse } from '#internal/errors/errors.ts';
import type { Pool, Tunnel } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { namesakes, poolId, type Snapshot } from '#internal/model/model.ts';
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

/** By id or by prefix (in any spelling). Refuses `required`, `not-found`. */
export function findPool(snapshot: Snapshot, ref: string, field = 'pool'): Stored<Pool> | Refusal {
  const cure = 'the id or prefix of one, as pool list shows them';
  if (ref === '') return refuse('required', { field, problem: 'is missing', cure });
  const prefix = ref.includes('/') ? parsePrefix(ref) : undefined;
  const id = typeof prefix === 'string' ? poolId(prefix) : ref;
  const found = snapshot.pools.get(id);
  if (found?.record.id === id) return found;
  return refuse('not-found', { field, value: ref, problem: 'is no pool of this network', cure });
}
