// Join token: the right of one machine to become one node, once and soon.

import { clone, create } from '@bufbuild/protobuf';
import { timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt';
import { isRefusal, type Refusal, refuse } from '#internal/errors/errors.ts';
import { type JoinToken, JoinTokenSchema, type Node, NodeSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import {
  type CreateJoinTokenRequest,
  type CreateJoinTokenResponse,
  CreateJoinTokenResponseSchema,
  type DeleteJoinTokenRequest,
  type DeleteJoinTokenResponse,
  DeleteJoinTokenResponseSchema,
  type JoinToken as JoinTokenView,
  JoinTokenSchema as JoinTokenViewSchema,
} from '#internal/gen/pop44/v1/trust_pb.ts';
import type { Snapshot } from '#internal/model/model.ts';
import type { Stored } from '#internal/model/record.ts';
import { addressFrom, addressNumber, familyOf, parseAddress } from '#internal/netip/netip.ts';
import { alone, type CommandContext, type Decided, unchanged } from './context.ts';
import { notFound, rangeField } from './fields.ts';
import { firstAsn, placedNode } from './nodes.ts';

const usualSeconds = 3_600;
const shortestSeconds = 60;
/** A week: a machine that is sent by post. */
const longestSeconds = 7 * 24 * 3_600;
/** SHA-256. */
const hashBytes = 32;
/** Swept with each new one, so that old ones do not pile up. */
const mostSwept = 20;
/** As pop44 node create has them. */
const usualMeshPort = 51_844;
const usualApiPort = 4_440;
/** Tries to find a free mesh address: a /24 has so many. */
const mostMeshAddresses = 254;

const expired = ({ expiresAt }: JoinToken, now: Date): boolean =>
  expiresAt === undefined || timestampDate(expiresAt) <= now;

/** Refuses `required`, `invalid`, and what placedNode refuses of a node whose keys come later. */
export function createJoinToken(
  snapshot: Snapshot,
  request: CreateJoinTokenRequest,
  { now, newId }: CommandContext,
): Refusal | Decided<CreateJoinTokenResponse> {
  const seconds = request.validSeconds === 0 ? usualSeconds : request.validSeconds;
  const bad = rangeField('valid_seconds', seconds, shortestSeconds, longestSeconds) ?? badHash(request.secretHash);
  if (bad !== undefined) return bad;
  const placed = placedNode(snapshot, completed(snapshot, request.node ?? create(NodeSchema), now), 'later');
  if (isRefusal(placed)) return placed;
  const { node, pop } = placed;
  Object.assign(node, { meshPublicKey: '', interconnectPublicKey: '', sealingPublicKey: '' });
  const id = newId().slice(0, 16);
  const token = create(JoinTokenSchema, {
    id,
    secretHash: request.secretHash,
    node,
    createdAt: timestampFromDate(now),
    expiresAt: timestampFromDate(new Date(now.getTime() + seconds * 1_000)),
  });
  const old = [...snapshot.jointokens].filter(([, { record }]) => expired(record, now)).slice(0, mostSwept);
  const { compares, writes } = alone(snapshot);
  return {
    decision: {
      compares: [
        ...compares,
        unchanged('jointoken', id, undefined),
        unchanged('pop', node.popId, pop),
        unchanged('node', node.id, snapshot.nodes.get(node.id)),
        ...old.map(([oldId, stored]) => unchanged('jointoken', oldId, stored)),
      ],
      writes: [
        ...writes,
        { op: 'put', kind: 'jointoken', id, record: token },
        ...old.map(([oldId]) => ({ op: 'delete', kind: 'jointoken', id: oldId }) as const),
      ],
    },
    response: create(CreateJoinTokenResponseSchema, { token: toJoinToken(token) }),
  };
}

function badHash(hash: Uint8Array): Refusal | undefined {
  const cure = 'the SHA-256 of 32 random bytes';
  const field = 'secret_hash';
  if (hash.length === 0) return refuse('required', { field, problem: 'is missing', cure });
  if (hash.length === hashBytes) return undefined;
  return refuse('invalid', { field, problem: `has ${hash.length} bytes`, cure });
}

/** What the request leaves open: of a node that was revoked as it was, of a new one the lowest that is free. */
function completed(snapshot: Snapshot, asked: Node, now: Date): Node {
  const before = snapshot.nodes.get(asked.id)?.record;
  const node = clone(NodeSchema, asked);
  const promised = [...snapshot.jointokens.values()].flatMap(({ record }) =>
    record.node === undefined || record.usedAt !== undefined || expired(record, now) ? [] : [record.node],
  );
  const known = [...[...snapshot.nodes.values()].map(({ record }) => record), ...promised];
  const others = known.filter(({ id }) => id !== node.id);
  node.popId ||= before?.popId ?? '';
  node.asn ||= before?.asn || lowestFree(firstAsn, new Set(others.map(({ asn }) => asn)));
  node.loopback4 ||= before?.loopback4 ?? '';
  node.loopback6 ||= before?.loopback6 ?? '';
  if (node.underlay4 === '' && node.underlay6 === '') {
    node.underlay4 = before?.underlay4 ?? '';
    node.underlay6 = before?.underlay6 ?? '';
  }
  node.meshAddress ||= before?.meshAddress || freeMeshAddress(others.map(({ meshAddress }) => meshAddress));
  node.meshPort ||= before?.meshPort || usualMeshPort;
  node.apiPort ||= before?.apiPort || usualApiPort;
  node.failureDomain ||= before?.failureDomain ?? '';
  node.uplinkBitPerSecond ||= before?.uplinkBitPerSecond ?? 0n;
  // Without it the machine that comes in its place would be no pair with the other node, and carry the PoP beside it.
  node.heartbeat ||= before?.popId === node.popId ? before.heartbeat : '';
  return node;
}

function lowestFree(from: number, taken: ReadonlySet<number>): number {
  let free = from;
  while (taken.has(free)) free += 1;
  return free;
}

/** After the lowest of those there are, which all lie in one network; empty where there is none yet. */
function freeMeshAddress(taken: readonly string[]): string {
  const addresses = taken.map(parseAddress).filter((address) => typeof address === 'string');
  const [first] = addresses;
  if (first === undefined) return '';
  const numbers = new Set(addresses.map(addressNumber));
  const lowest = [...numbers].reduce((a, b) => (a < b ? a : b));
  for (let step = 1n; step < mostMeshAddresses; step += 1n)
    if (!numbers.has(lowest + step)) return addressFrom(familyOf(first), lowest + step);
  return '';
}

/** Refuses `required`, `not-found`. */
export function deleteJoinToken(
  snapshot: Snapshot,
  { id }: DeleteJoinTokenRequest,
  _context: CommandContext,
): Refusal | Decided<DeleteJoinTokenResponse> {
  if (id === '') return refuse('required', { field: 'id', problem: 'is missing', cure: 'as node token list shows it' });
  const stored = snapshot.jointokens.get(id);
  if (stored === undefined) return notFound('id', id, 'token');
  return {
    decision: {
      compares: [unchanged('jointoken', id, stored)],
      writes: [{ op: 'delete', kind: 'jointoken', id }],
    },
    response: create(DeleteJoinTokenResponseSchema),
  };
}

export function toJoinToken({ id, node, expiresAt, usedAt }: JoinToken): JoinTokenView {
  return create(JoinTokenViewSchema, {
    id,
    ...(node && { node }),
    ...(expiresAt && { expiresAt }),
    ...(usedAt && { usedAt }),
  });
}

export const noToken = refuse('unauthenticated', {
  field: 'token',
  problem: 'is none of this network',
  cure: 'pop44 node token create',
});

/** Why a token does not let in whoever shows it, or the token. The secret is asked for first: who has none learns nothing. */
export function tokenFor(
  snapshot: Snapshot,
  shown: { readonly tokenId: string; readonly secretHash: Uint8Array; readonly nodeId: string },
): Refusal | Stored<JoinToken> {
  const stored = snapshot.jointokens.get(shown.tokenId);
  if (stored === undefined || !sameBytes(stored.record.secretHash, shown.secretHash)) return noToken;
  if (stored.record.node?.id === shown.nodeId) return stored;
  return refuse('invalid', {
    field: 'node_id',
    value: shown.nodeId,
    problem: 'is not the node that the token is for',
    cure: 'the node that it was made for',
  });
}

/** Why its time is over, or undefined. */
export function spent({ record }: Stored<JoinToken>, now: Date): Refusal | undefined {
  const cure = `pop44 node token create ${record.node?.id ?? ''}`;
  if (record.usedAt !== undefined) {
    const problem = `was used at ${timestampDate(record.usedAt).toISOString()}`;
    return refuse('used', { field: 'token', problem, cure });
  }
  if (!expired(record, now)) return undefined;
  return refuse('expired', { field: 'token', problem: 'has expired', cure });
}

// Hashes of secrets of 256 bits: what their comparison takes tells nothing that leads to one.
const sameBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, at) => byte === b[at]);
