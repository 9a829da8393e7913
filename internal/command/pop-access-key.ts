// PoP access key: the WireGuard key that a PoP's nodes share, as what is sealed to each of them.

import { clone, create } from '@bufbuild/protobuf';
import { isRefusal, type Refusal, refuse } from '#internal/errors/errors.ts';
import { type Pop, PopSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import {
  type GetPopAccessKeyRequest,
  type GetPopAccessKeyResponse,
  GetPopAccessKeyResponseSchema,
  type SetPopAccessKeyRequest,
  type SetPopAccessKeyResponse,
  SetPopAccessKeyResponseSchema,
} from '#internal/gen/pop44/v1/fabric_pb.ts';
import { carryingPops, groupOf, peerKeyId, type Snapshot, servedPop } from '#internal/model/model.ts';
import { recoveryId, type Stored } from '#internal/model/record.ts';
import type { WgKey } from '#internal/netip/netip.ts';
import { keyRevision, keysOf, withKeys } from './access-keys.ts';
import { type CommandContext, type Decided, notReady, staleEtag } from './context.ts';
import { keyField, notFound } from './fields.ts';
import { hasKeys, nodesOfPops, sealedField } from './sealed.ts';

/** A PoP as answers show it: what is sealed is for who asks for it, nobody else. */
export function popShown(pop: Pop): Pop {
  const shown = clone(PopSchema, pop);
  shown.sealedAccessKey = {};
  if (shown.nextAccessKey !== undefined) shown.nextAccessKey.sealed = {};
  return shown;
}

export function popToChange(snapshot: Snapshot, id: string): Stored<Pop> | Refusal {
  return notReady(snapshot) ?? snapshot.pops.get(id) ?? notFound('pop_id', id, 'PoP');
}

/** Whose key it is already, in words; `except`: a PoP that may have it. */
export function keyOfAnother(snapshot: Snapshot, except: string | undefined, key: WgKey): string | undefined {
  const exceptPop = except === undefined ? undefined : snapshot.pops.get(except)?.record;
  const own = exceptPop && groupOf(snapshot, exceptPop);
  // The key of a group is that of its founder too.
  const founder = own?.founderPopId;
  const pop = [...snapshot.pops.values()].find(
    ({ record }) =>
      record.id !== except &&
      record.id !== founder &&
      (record.publicKey === key || record.nextAccessKey?.publicKey === key),
  );
  if (pop !== undefined) return `PoP ${pop.record.id}`;
  const group = [...snapshot.anycasts.values()].find(
    ({ record }) => record !== own && (record.publicKey === key || record.nextAccessKey?.publicKey === key),
  );
  if (group !== undefined) return `the anycast group ${group.record.id}`;
  return snapshot.peerkeys.has(peerKeyId(key)) ? 'a tunnel' : undefined;
}

/**
 * Replaces everything that is sealed: a node that left is in it no more. Of a PoP in an anycast group it is the group's key and
 * record, whose etag counts. Refuses `not-found`, `stale-etag`, `required`,
 * `invalid`, `in-use` (another key without replace), `duplicate-key`.
 */
export function setPopAccessKey(
  snapshot: Snapshot,
  request: SetPopAccessKeyRequest,
  _context: CommandContext,
): Refusal | Decided<SetPopAccessKeyResponse> {
  const stored = popToChange(snapshot, request.popId);
  if (isRefusal(stored)) return stored;
  const stale = staleEtag(request.change, keyRevision(snapshot, stored));
  if (stale !== undefined) return stale;
  const key = keyField('public_key', request.publicKey);
  if (isRefusal(key)) return key;
  const pop = servedPop(snapshot, stored.record);
  if (key !== pop.publicKey && !request.replace) {
    return refuse('in-use', {
      field: 'public_key',
      value: key,
      problem: `is not the key of PoP ${pop.id}, which stands in its clients' files`,
      cure: `the key ${pop.publicKey}, or replace: every client then needs a new file`,
    });
  }
  if (key !== pop.publicKey && pop.nextAccessKey !== undefined) {
    const about = { field: 'public_key', value: key, problem: `would end the rotation of PoP ${pop.id}'s key` };
    return refuse('rotation-open', { ...about, cure: `pop44 pop key rotate ${pop.id} --finish or --cancel first` });
  }
  const other = keyOfAnother(snapshot, pop.id, key);
  if (other !== undefined) {
    const cure = 'a key pair of its own for each PoP';
    return refuse('duplicate-key', { field: 'public_key', value: key, problem: `is the key of ${other}`, cure });
  }
  const nodes = nodesOfPops(snapshot, carryingPops(snapshot, [pop.id]));
  if (!hasKeys(request.sealed)) {
    return refuse('required', {
      field: 'sealed',
      problem: 'is empty',
      cure: 'the private key, sealed to each node of it',
    });
  }
  const refusal = sealedField('sealed', request.sealed, nodes, { besides: [recoveryId] });
  if (refusal !== undefined) return refusal;
  const { decision, pop: changed } = withKeys(snapshot, stored, {
    ...keysOf(pop),
    ...{ publicKey: key, sealedAccessKey: request.sealed },
  });
  return { decision, response: create(SetPopAccessKeyResponseSchema, { pop: popShown(changed) }) };
}

/** Refuses `not-ready`, `not-found`. */
export function popAccessKey(snapshot: Snapshot, request: GetPopAccessKeyRequest): GetPopAccessKeyResponse | Refusal {
  const stored = popToChange(snapshot, request.popId);
  if (isRefusal(stored)) return stored;
  const { publicKey, sealedAccessKey, nextAccessKey, id } = servedPop(snapshot, stored.record);
  const recipients = nodesOfPops(snapshot, carryingPops(snapshot, [id])).map(
    (node) => [node.id, node.sealingPublicKey] as const,
  );
  return create(GetPopAccessKeyResponseSchema, {
    publicKey,
    sealed: sealedAccessKey,
    recipients: Object.fromEntries(recipients),
    ...(nextAccessKey && { next: nextAccessKey }),
  });
}
