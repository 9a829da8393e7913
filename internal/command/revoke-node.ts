// Revoke node: one machine is out, at once and everywhere, whatever its certificate says.

import { clone, create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { type Refusal, refuse } from '#internal/errors/errors.ts';
import { type Node, NodeSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import {
  type RevokeNodeRequest,
  type RevokeNodeResponse,
  RevokeNodeResponseSchema,
} from '#internal/gen/pop44/v1/trust_pb.ts';
import { inForce, nodesInForce, type Snapshot } from '#internal/model/model.ts';
import { type CommandContext, type Decided, notReady, staleEtag, unchanged } from './context.ts';
import { idField, notFound } from './fields.ts';

/** Refuses `revoked` for a node that is out. */
export function revokedNode(field: string, node: Node): Refusal | undefined {
  if (inForce(node)) return undefined;
  return refuse('revoked', { field, value: node.id, problem: 'was revoked', cure: 'a node in force' });
}

/** Refuses `required`, `invalid`, `not-found`, `stale-etag`, `revoked` (already), `in-use` (the last node). */
export function revokeNode(
  snapshot: Snapshot,
  request: RevokeNodeRequest,
  { now }: CommandContext,
): Refusal | Decided<RevokeNodeResponse> {
  const refusal = notReady(snapshot) ?? idField('node', request.node);
  if (refusal !== undefined) return refusal;
  const stored = snapshot.nodes.get(request.node);
  if (stored === undefined) return notFound('node', request.node, 'node');
  const stale = staleEtag(request.change, stored.revision) ?? revokedNode('node', stored.record);
  if (stale !== undefined) return stale;
  if (nodesInForce(snapshot).length === 1) {
    return refuse('in-use', {
      field: 'node',
      value: request.node,
      problem: 'is the last node in force',
      cure: 'join another one first',
    });
  }
  const record = clone(NodeSchema, stored.record);
  record.revokedAt = timestampFromDate(now);
  const certificate = snapshot.certificates.get(request.node);
  return {
    decision: {
      // A renewal at the same time would else write its certificate anew.
      compares: [unchanged('node', record.id, stored), unchanged('certificate', record.id, certificate)],
      writes: [
        { op: 'put', kind: 'node', id: record.id, record },
        ...(certificate ? [{ op: 'delete', kind: 'certificate', id: record.id } as const] : []),
      ],
    },
    response: create(RevokeNodeResponseSchema, { node: record }),
  };
}
