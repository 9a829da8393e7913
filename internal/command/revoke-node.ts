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

/** Refuses `in-use`: nobody would be left to let another one in. */
export function lastInForce(snapshot: Snapshot, node: Node): Refusal | undefined {
  if (!inForce(node) || nodesInForce(snapshot).length > 1) return undefined;
  const problem = 'is the last node in force';
  return refuse('in-use', { field: 'node', value: node.id, problem, cure: 'join another one first' });
}

/** Its record from now on; one that is out already as it is. */
export function shutOut(node: Node, now: Date): Node {
  const record = clone(NodeSchema, node);
  record.revokedAt ??= timestampFromDate(now);
  return record;
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
  const last = lastInForce(snapshot, stored.record);
  if (last !== undefined) return last;
  const record = shutOut(stored.record, now);
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
