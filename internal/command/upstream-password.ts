// Upstream password: what both ends of a transit session sign their TCP segments with (RFC 2385), sealed to the node.

import { clone, create } from '@bufbuild/protobuf';
import { passwordBytes } from '#internal/dataplane/dataplane.ts';
import { isRefusal, type Refusal, refuse } from '#internal/errors/errors.ts';
import { type Node, type Upstream, UpstreamSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import {
  type SetUpstreamPasswordRequest,
  type SetUpstreamPasswordResponse,
  SetUpstreamPasswordResponseSchema,
} from '#internal/gen/pop44/v1/fabric_pb.ts';
import type { Snapshot } from '#internal/model/model.ts';
import { type CommandContext, type Decided, notReady, staleEtag, unchanged } from './context.ts';
import { notFound } from './fields.ts';
import { revokedNode } from './revoke-node.ts';
import { hasKeys, recipientsOf, type SealedByNode, sealedField } from './sealed.ts';

/** An upstream as answers show it. */
export function upstreamShown(upstream: Upstream): Upstream {
  return Object.assign(clone(UpstreamSchema, upstream), { sealedPassword: {} });
}

/** Ids, sorted. */
export const upstreamsWithPassword = (snapshot: Snapshot): readonly string[] =>
  [...snapshot.upstreams.values()].flatMap(({ record }) => (hasKeys(record.sealedPassword) ? [record.id] : [])).sort();

/** None, or sealed to the one node that speaks with it. Refuses `not-ready`, `required`, `invalid`. */
export function passwordField(field: string, sealed: SealedByNode, node: Node): Refusal | undefined {
  if (!hasKeys(sealed)) return undefined;
  const recipients = recipientsOf([node]);
  return isRefusal(recipients) ? recipients : sealedField(field, sealed, [node], { secretBytes: passwordBytes });
}

/** Refuses `not-ready`, `not-found`, `stale-etag`, `revoked`, `required`, `invalid` (none there to take away). */
export function setUpstreamPassword(
  snapshot: Snapshot,
  request: SetUpstreamPasswordRequest,
  _context: CommandContext,
): Refusal | Decided<SetUpstreamPasswordResponse> {
  const unready = notReady(snapshot);
  if (unready !== undefined) return unready;
  const stored = snapshot.upstreams.get(request.upstream);
  if (stored === undefined) return notFound('upstream', request.upstream, 'upstream');
  const stale = staleEtag(request.change, stored.revision);
  if (stale !== undefined) return stale;
  const upstream = stored.record;
  const node = snapshot.nodes.get(upstream.nodeId);
  if (node === undefined) return notFound('upstream.node_id', upstream.nodeId, 'node');
  const refusal = revokedNode('upstream', node.record) ?? passwordField('sealed', request.sealed, node.record);
  if (refusal !== undefined) return refusal;
  if (!hasKeys(request.sealed) && !hasKeys(upstream.sealedPassword)) {
    const about = { field: 'sealed', value: upstream.id, problem: 'has no password' };
    return refuse('invalid', { ...about, cure: 'one that has: pop44 upstream list' });
  }
  const record = Object.assign(clone(UpstreamSchema, upstream), { sealedPassword: request.sealed });
  return {
    decision: {
      compares: [unchanged('upstream', upstream.id, stored), unchanged('node', upstream.nodeId, node)],
      writes: [{ op: 'put', kind: 'upstream', id: upstream.id, record }],
    },
    response: create(SetUpstreamPasswordResponseSchema, { upstream: upstreamShown(record) }),
  };
}
