// Node sealing key: to whom secrets for a node are sealed.

import { clone, create } from '@bufbuild/protobuf';
import { isRefusal, type Refusal, refuse } from '#internal/errors/errors.ts';
import { NodeSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import {
  type SetNodeSealingKeyRequest,
  type SetNodeSealingKeyResponse,
  SetNodeSealingKeyResponseSchema,
} from '#internal/gen/pop44/v1/fabric_pb.ts';
import type { Snapshot } from '#internal/model/model.ts';
import { alone, type CommandContext, type Decided, notReady, staleEtag, unchanged } from './context.ts';
import { notFound } from './fields.ts';
import { recipientField } from './sealed.ts';

/** Two nodes with one identity would open each other's secrets. Refuses `duplicate-key`. */
export function ownSealingKey(snapshot: Snapshot, field: string, nodeId: string, key: string): Refusal | undefined {
  const other = [...snapshot.nodes.values()].find(
    ({ record }) => record.id !== nodeId && record.sealingPublicKey === key,
  );
  if (other === undefined) return undefined;
  return refuse('duplicate-key', {
    field,
    value: key,
    problem: `is the key of node ${other.record.id}`,
    cure: 'an identity of its own for each node',
  });
}

/** Refuses `not-ready`, `not-found`, `stale-etag`, `required`, `invalid`, `duplicate-key`. */
export function setNodeSealingKey(
  snapshot: Snapshot,
  request: SetNodeSealingKeyRequest,
  _context: CommandContext,
): Refusal | Decided<SetNodeSealingKeyResponse> {
  const unready = notReady(snapshot);
  if (unready !== undefined) return unready;
  const stored = snapshot.nodes.get(request.nodeId);
  if (stored === undefined) return notFound('node_id', request.nodeId, 'node');
  const stale = staleEtag(request.change, stored.revision);
  if (stale !== undefined) return stale;
  const key = recipientField('sealing_public_key', request.sealingPublicKey);
  if (isRefusal(key)) return key;
  const refusal = ownSealingKey(snapshot, 'sealing_public_key', stored.record.id, key);
  if (refusal !== undefined) return refusal;
  const record = clone(NodeSchema, stored.record);
  record.sealingPublicKey = key;
  const { compares, writes } = alone(snapshot);
  return {
    decision: {
      compares: [...compares, unchanged('node', record.id, stored)],
      writes: [...writes, { op: 'put', kind: 'node', id: record.id, record }],
    },
    response: create(SetNodeSealingKeyResponseSchema, { node: record }),
  };
}
