// Restore tunnel: a deletion that is taken back, while nobody else has had the addresses.

import { clone, create } from '@bufbuild/protobuf';
import { isRefusal, type Refusal, refuse } from '#internal/errors/errors.ts';
import {
  type Allocation,
  AllocationSchema,
  type DeletedTunnel,
  type Tunnel,
  TunnelSchema,
} from '#internal/gen/pop44/store/v1/records_pb.ts';
import {
  type RestoreTunnelRequest,
  type RestoreTunnelResponse,
  RestoreTunnelResponseSchema,
} from '#internal/gen/pop44/v1/tunnels_pb.ts';
import { holderOf, type Snapshot, splitId } from '#internal/model/model.ts';
import type { Stored } from '#internal/model/record.ts';
import { type Prefix, parsePrefix, parseWgKey } from '#internal/netip/netip.ts';
import { type CommandContext, type Decided, notReady } from './context.ts';
import { allocationIds } from './delete-tunnel.ts';
import { Draft } from './draft.ts';
import { claimKey } from './peer-key.ts';
import { count, useOf } from './quota-use.ts';
import { freeKey, freeName } from './tunnel-fields.ts';
import { toTunnel } from './view.ts';

const secondsOf = ({ at }: DeletedTunnel): bigint => at?.seconds ?? 0n;

export const isDeletedAs = ({ tunnel }: DeletedTunnel, ref: string): boolean =>
  tunnel !== undefined && [tunnel.id, tunnel.name, `${tunnel.owner}/${tunnel.name}`].includes(ref);

/** By id, `<owner>/<name>` or name; of several the last that was deleted. Refuses `required`, `not-found`. */
export function deletedNamed(deleted: readonly DeletedTunnel[], ref: string): Refusal | Tunnel {
  const cure = 'its id, owner/name, or name, as tunnel list --deleted shows them';
  if (ref === '') return refuse('required', { field: 'tunnel', problem: 'is missing', cure });
  const named = deleted.filter((each) => isDeletedAs(each, ref));
  const [last] = named.toSorted((a, b) => Number(secondsOf(b) - secondsOf(a)));
  return (
    last?.tunnel ?? refuse('not-found', { field: 'tunnel', value: ref, problem: 'is no tunnel that was deleted', cure })
  );
}

/** Its own, in quarantine or held without a tunnel. */
function lost(snapshot: Snapshot, { owner }: Tunnel, id: string): Refusal | Stored<Allocation> {
  const stored = snapshot.allocations.get(id);
  const holder = stored && holderOf(stored.record);
  if (stored !== undefined && stored.record.owner === owner && (holder === 'quarantine' || holder === 'owner'))
    return stored;
  const cure = 'create a new tunnel';
  return refuse('taken', { field: 'tunnel', value: id, problem: 'is not in quarantine for its owner any more', cure });
}

/**
 * The tunnel as it was, an open rotation of its key aside. Refuses `already-exists` (it is there, or another has its name),
 * `duplicate-key`, `taken` (an address), `quota-exceeded`, `not-found` (a PoP).
 */
export function restoreTunnel(
  snapshot: Snapshot,
  _request: RestoreTunnelRequest,
  _context: CommandContext,
  deleted: Tunnel,
): Refusal | Decided<RestoreTunnelResponse> {
  const { id, owner, name, publicKey } = deleted;
  const exists = snapshot.tunnels.has(id)
    ? refuse('already-exists', { field: 'tunnel', value: id, problem: 'is there', cure: 'nothing to restore' })
    : undefined;
  const key = parseWgKey(publicKey);
  if (typeof key !== 'string')
    return refuse('invalid', { field: 'tunnel', value: id, problem: 'has no key', cure: 'a new one' });
  const refusal = notReady(snapshot) ?? exists ?? freeName(snapshot, owner, name) ?? freeKey(snapshot, key);
  if (refusal !== undefined) return refusal;
  const draft = new Draft();
  for (const popId of deleted.placement?.popIds ?? []) {
    const pop = snapshot.pops.get(popId);
    if (pop === undefined)
      return refuse('not-found', {
        field: 'tunnel',
        value: popId,
        problem: 'is no PoP any more',
        cure: 'create a new tunnel',
      });
    draft.read('pop', popId, pop);
  }
  const gained: Prefix[] = [];
  for (const allocationId of allocationIds(deleted)) {
    const stored = lost(snapshot, deleted, allocationId);
    if (isRefusal(stored)) return stored;
    const prefix = parsePrefix(stored.record.prefix);
    if (holderOf(stored.record) === 'quarantine' && typeof prefix === 'string') gained.push(prefix);
    const poolId = splitId(allocationId)?.poolId ?? '';
    draft.read('pool', poolId, snapshot.pools.get(poolId));
    draft.read('allocation', allocationId, stored);
    const record = clone(AllocationSchema, stored.record);
    delete record.quarantinedUntil;
    record.tunnelId = id;
    draft.write({ op: 'put', kind: 'allocation', id: allocationId, record });
  }
  const exceeded = count(snapshot, draft, { owner, use: useOf(gained), field: 'tunnel.owner', newTunnel: true });
  if (exceeded !== undefined) return exceeded;
  const record = Object.assign(clone(TunnelSchema, deleted), { nextPublicKey: '' });
  draft.read('tunnel', id, undefined);
  draft.write({ op: 'put', kind: 'tunnel', id, record });
  claimKey(id, key, draft);
  const tunnel = toTunnel(snapshot, { record });
  return { decision: draft.decision(), response: create(RestoreTunnelResponseSchema, { tunnel }) };
}
