// Join node: a token becomes a node, in one transaction. And the certificates that nodes are given, as records.

import { clone, create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { isRefusal, type Refusal, refuse } from '#internal/errors/errors.ts';
import {
  JoinTokenSchema,
  type NodeCertificate,
  NodeCertificateSchema,
  NodeSchema,
  PopKind,
} from '#internal/gen/pop44/store/v1/records_pb.ts';
import { type JoinFacts, type Joined, JoinedSchema } from '#internal/gen/pop44/v1/join_pb.ts';
import { type RenewCertificateResponse, RenewCertificateResponseSchema } from '#internal/gen/pop44/v1/trust_pb.ts';
import { inForce, type Snapshot } from '#internal/model/model.ts';
import { authoritiesUnchanged, signsNoMore } from './authorities.ts';
import { alone, type CommandContext, type Decided, notReady, unchanged } from './context.ts';
import { notFound } from './fields.ts';
import { spent, tokenFor } from './join-token.ts';
import { placedNode } from './nodes.ts';
import { operatorsKeyAge } from './rotate-interconnect-key.ts';

/** A certificate that was signed before it was decided on: signing waits, deciding does not. */
export interface Signed {
  readonly pem: string;
  readonly publicKeyHash: Uint8Array;
  readonly authorityHash: Uint8Array;
  readonly serial: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

const recordOf = (nodeId: string, signed: Signed): NodeCertificate =>
  create(NodeCertificateSchema, {
    nodeId,
    publicKeyHash: signed.publicKeyHash,
    authorityHash: signed.authorityHash,
    serial: signed.serial,
    notBefore: timestampFromDate(signed.notBefore),
    notAfter: timestampFromDate(signed.notAfter),
  });

/** Refuses what tokenFor, spent and placedNode do, `duplicate-key`. `signed` is for the key of `facts`. */
export function joinNode(
  snapshot: Snapshot,
  facts: JoinFacts,
  { now }: CommandContext,
  signed: Signed,
): Refusal | Decided<Joined> {
  const token = tokenFor(snapshot, facts);
  if (isRefusal(token)) return token;
  const over = spent(token, now) ?? signsNoMore(snapshot, signed.authorityHash);
  if (over !== undefined) return over;
  const wanted = clone(NodeSchema, token.record.node ?? create(NodeSchema));
  const trusted = snapshot.pops.get(wanted.popId)?.record.kind !== PopKind.MICRO;
  const { meshPublicKey, interconnectPublicKey, sealingPublicKey } = facts;
  Object.assign(wanted, {
    meshPublicKey: trusted ? meshPublicKey : '',
    interconnectPublicKey,
    sealingPublicKey,
  });
  const placed = placedNode(snapshot, wanted, 'given');
  if (isRefusal(placed)) return placed;
  const { node, pop } = placed;
  node.interconnectKeyAge = operatorsKeyAge(snapshot.nodes.get(node.id)?.record, now);
  const used = clone(JoinTokenSchema, token.record);
  used.usedAt = timestampFromDate(now);
  const { compares, writes } = alone(snapshot);
  return {
    decision: {
      compares: [
        ...compares,
        ...authoritiesUnchanged(snapshot),
        unchanged('jointoken', used.id, token),
        unchanged('node', node.id, snapshot.nodes.get(node.id)),
        unchanged('certificate', node.id, snapshot.certificates.get(node.id)),
        unchanged('pop', node.popId, pop),
      ],
      writes: [
        ...writes,
        { op: 'put', kind: 'node', id: node.id, record: node },
        { op: 'put', kind: 'certificate', id: node.id, record: recordOf(node.id, signed) },
        { op: 'put', kind: 'jointoken', id: used.id, record: used },
      ],
    },
    response: create(JoinedSchema, { certificate: signed.pem, node }),
  };
}

/** Refuses `not-found`, `revoked`, `unauthenticated` (another key than it was given a certificate for). */
export function renewCertificate(
  snapshot: Snapshot,
  nodeId: string,
  signed: Signed,
): Refusal | Decided<RenewCertificateResponse> {
  const refusal = notReady(snapshot) ?? signsNoMore(snapshot, signed.authorityHash);
  if (refusal !== undefined) return refusal;
  const node = snapshot.nodes.get(nodeId);
  if (node === undefined) return notFound('node', nodeId, 'node');
  const about = { field: 'node', value: nodeId };
  if (!inForce(node.record))
    return refuse('revoked', { ...about, problem: 'was revoked', cure: 'join again by a token' });
  const before = snapshot.certificates.get(nodeId);
  if (before !== undefined && !sameKey(before.record, signed)) {
    return refuse('unauthenticated', { ...about, problem: 'has another key by now', cure: 'the one it joined with' });
  }
  return {
    decision: {
      compares: [
        ...authoritiesUnchanged(snapshot),
        unchanged('node', nodeId, node),
        unchanged('certificate', nodeId, before),
      ],
      writes: [{ op: 'put', kind: 'certificate', id: nodeId, record: recordOf(nodeId, signed) }],
    },
    response: create(RenewCertificateResponseSchema, { certificate: signed.pem }),
  };
}

const sameKey = ({ publicKeyHash }: NodeCertificate, signed: Signed): boolean =>
  publicKeyHash.every((byte, at) => byte === signed.publicKeyHash[at]);
