// Last resort: which node announces the pools also when it hears no other CORE. One record names it, the network's.

import { clone } from '@bufbuild/protobuf';
import { type Refusal, refuse } from '#internal/errors/errors.ts';
import { NetworkSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { lastResortOrigin, networkId, possibleOrigins, type Snapshot } from '#internal/model/model.ts';
import type { Write } from '#internal/model/record.ts';
import type { Draft } from './draft.ts';

/** Refuses `invalid`: a node that announces pools to nobody, or stands in no CORE PoP. */
export function lastResortField(snapshot: Snapshot, nodeId: string, wanted: boolean | undefined): Refusal | undefined {
  if (
    wanted !== true ||
    ([4, 6] as const).some((family) => possibleOrigins(snapshot, family).some(({ id }) => id === nodeId))
  )
    return undefined;
  return refuse('invalid', {
    field: 'last_resort',
    value: String(wanted),
    problem: `is nothing for node ${nodeId}, which announces no pools for a CORE PoP`,
    cure: 'a node in force of a CORE PoP with an upstream of plane pop (pop44 upstream create)',
  });
}

/** Names the node in the network's record, or takes it out where it is the one that stands there. */
export function nameLastResort(snapshot: Snapshot, nodeId: string, wanted: boolean, draft: Draft): void {
  const stored = snapshot.network;
  if (stored === undefined || (stored.record.lastResortNodeId === nodeId) === wanted) return;
  const record = Object.assign(clone(NetworkSchema, stored.record), { lastResortNodeId: wanted ? nodeId : '' });
  draft.read('network', networkId, stored);
  draft.write({ op: 'put', kind: 'network', id: networkId, record });
}

/**
 * Writes of a command that adds a possible origin, with a network that names whoever was the last resort before: a new node whose
 * id comes first, and which no fabric leads to yet, must not silence those that announce.
 */
export function keepLastResort(snapshot: Snapshot, writes: readonly Write[]): readonly Write[] {
  const before = lastResortOrigin(snapshot, 4) ?? lastResortOrigin(snapshot, 6);
  const stored = snapshot.network;
  if (before === undefined || stored === undefined || stored.record.lastResortNodeId !== '') return writes;
  const record = Object.assign(clone(NetworkSchema, stored.record), { lastResortNodeId: before.id });
  return writes.map((write) =>
    write.kind === 'network' ? { op: 'put', kind: 'network', id: networkId, record } : write,
  );
}
