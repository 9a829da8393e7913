// Nodes: one machine of a PoP.

import { clone, create } from '@bufbuild/protobuf';
import { isRefusal, type Refusal, refuse } from '#internal/errors/errors.ts';
import { type Node, NodeSchema, type Pop, PopKind } from '#internal/gen/pop44/store/v1/records_pb.ts';
import {
  type CreateNodeRequest,
  type CreateNodeResponse,
  CreateNodeResponseSchema,
} from '#internal/gen/pop44/v1/fabric_pb.ts';
import { inForce, type Snapshot } from '#internal/model/model.ts';
import type { Stored } from '#internal/model/record.ts';
import { hostPrefix, type IpAddress } from '#internal/netip/netip.ts';
import { alone, type CommandContext, type Decided, notReady, unchanged } from './context.ts';
import {
  addressField,
  exists,
  Form,
  idField,
  keyField,
  notFound,
  optionalAddressField,
  portField,
  rangeField,
  textField,
} from './fields.ts';
import { heartbeatField } from './heartbeat.ts';
import { ownSealingKey } from './node-sealing-key.ts';
import { openPortField } from './ports.ts';
import { uplinkField } from './rates.ts';
import { operatorsKeyAge } from './rotate-interconnect-key.ts';
import { recipientField } from './sealed.ts';
import { fabricSpace, insidePool, taken } from './space.ts';

// RFC 6996 gives 4200000000 to 4294967294; the part up to here is clear of HAMNET's and dn42's (4220000000 up).
export const firstAsn = 4_200_000_000;
const lastAsn = 4_219_999_999;

/** A node that may be written, and what that rests on. */
export interface Placed {
  readonly node: Node;
  readonly pop: Stored<Pop>;
}

/**
 * The record of a node that does not exist yet, or that was revoked and comes back.
 * Refuses `required`, `invalid`, `not-found` (PoP), `already-exists` (id, ASN, address), `duplicate-key`, `overlap`.
 * @param keys `later`: its machine makes them when it joins
 */
export function placedNode(snapshot: Snapshot, asked: Node | undefined, keys: 'given' | 'later'): Refusal | Placed {
  const node = clone(NodeSchema, asked ?? create(NodeSchema));
  const pop = snapshot.pops.get(node.popId);
  // A MICRO PoP's node is not trusted: it has no place on the mesh.
  const trusted = pop?.record.kind !== PopKind.MICRO;
  const form = new Form();
  form.check(notReady(snapshot));
  form.check(idField('node.id', node.id));
  form.check(idField('node.pop_id', node.popId));
  form.check(rangeField('node.asn', node.asn, firstAsn, lastAsn));
  const loopback4 = form.take(addressField('node.loopback4', node.loopback4, 4));
  const loopback6 = form.take(addressField('node.loopback6', node.loopback6, 6));
  const underlay4 = form.take(optionalAddressField('node.underlay4', node.underlay4, 4));
  const underlay6 = form.take(optionalAddressField('node.underlay6', node.underlay6, 6));
  const heartbeat = form.take(heartbeatField(snapshot, 'node.heartbeat', node, node.heartbeat));
  const meshAddress = trusted ? form.take(addressField('node.mesh_address', node.meshAddress)) : '';
  if (trusted) {
    if (keys === 'given') form.take(keyField('node.mesh_public_key', node.meshPublicKey));
    form.check(openPortField('node.mesh_port', node.meshPort));
    form.check(portField('node.api_port', node.apiPort));
  }
  if (keys === 'given') form.take(keyField('node.interconnect_public_key', node.interconnectPublicKey));
  if (node.sealingPublicKey !== '') form.take(recipientField('node.sealing_public_key', node.sealingPublicKey));
  form.check(textField('node.failure_domain', node.failureDomain, 64));
  form.check(uplinkField(node.uplinkBitPerSecond));
  if (form.refusal !== undefined) return form.refusal;
  const before = snapshot.nodes.get(node.id)?.record;
  if (before !== undefined && inForce(before)) return exists('node.id', node.id, 'exists already', 'another id');
  if (pop === undefined) return notFound('node.pop_id', node.popId, 'PoP');
  if (underlay4 === '' && underlay6 === '') {
    return refuse('required', {
      field: 'node.underlay4',
      problem: 'and node.underlay6 are both missing',
      cure: 'other nodes need at least one address to reach it at',
    });
  }
  const record = Object.assign(node, { loopback4, loopback6, underlay4, underlay6, meshAddress, heartbeat });
  // Whatever the request says of rotations: there is none.
  record.nextInterconnectPublicKey = '';
  delete record.revokedAt;
  // Nor is one that has just come out of use.
  delete record.drain;
  // What it held itself before it was revoked is not in its way.
  const others = before === undefined ? snapshot : { ...snapshot, nodes: snapshot.nodes.delete(node.id) };
  const clash = sharedAddress(others, { loopback4, loopback6, underlay4, underlay6, meshAddress });
  return clash ?? sharedWithNode(others, record) ?? { node: record, pop };
}

/** Refuses what placedNode does; a node that was revoked joins again by a token. */
export function createNode(
  snapshot: Snapshot,
  request: CreateNodeRequest,
  { now }: CommandContext,
): Refusal | Decided<CreateNodeResponse> {
  const placed = placedNode(snapshot, request.node, 'given');
  if (isRefusal(placed)) return placed;
  const { node, pop } = placed;
  if (snapshot.nodes.has(node.id)) {
    return exists('node.id', node.id, 'was revoked', `pop44 node token create ${node.id}: it joins again by a token`);
  }
  node.interconnectKeyAge = operatorsKeyAge(undefined, now);
  const { compares, writes } = alone(snapshot);
  return {
    decision: {
      compares: [...compares, unchanged('node', node.id, undefined), unchanged('pop', node.popId, pop)],
      writes: [...writes, { op: 'put', kind: 'node', id: node.id, record: node }],
    },
    response: create(CreateNodeResponseSchema, { node }),
  };
}

interface NodeAddresses {
  readonly loopback4: IpAddress;
  readonly loopback6: IpAddress;
  readonly underlay4: IpAddress | '';
  readonly underlay6: IpAddress | '';
  readonly meshAddress: IpAddress | '';
}

function sharedAddress(snapshot: Snapshot, own: NodeAddresses): Refusal | undefined {
  const held = [...fabricSpace(snapshot)];
  for (const [field, address] of [
    ['node.loopback4', own.loopback4],
    ['node.loopback6', own.loopback6],
    ['node.underlay4', own.underlay4],
    ['node.underlay6', own.underlay6],
    ['node.mesh_address', own.meshAddress],
  ] as const) {
    if (address === '') continue;
    const prefix = hostPrefix(address);
    const clash = taken(held, field, prefix, address) ?? insidePool(snapshot, field, prefix, address);
    if (clash !== undefined) return clash;
    held.push({ prefix, by: `${field} of the same node` });
  }
  return undefined;
}

function sharedWithNode(snapshot: Snapshot, node: Node): Refusal | undefined {
  if (node.sealingPublicKey !== '') {
    const refusal = ownSealingKey(snapshot, 'node.sealing_public_key', node.id, node.sealingPublicKey);
    if (refusal !== undefined) return refusal;
  }
  for (const [id, { record: other }] of snapshot.nodes) {
    if (other.asn === node.asn) {
      return exists('node.asn', String(node.asn), `is the ASN of node ${id}`, 'one of its own for each node');
    }
    for (const [field, key, otherKey] of [
      ['node.mesh_public_key', node.meshPublicKey, other.meshPublicKey],
      ['node.interconnect_public_key', node.interconnectPublicKey, other.interconnectPublicKey],
      ['node.interconnect_public_key', node.interconnectPublicKey, other.nextInterconnectPublicKey],
    ] as const) {
      if (key === '' || key !== otherKey) continue;
      return refuse('duplicate-key', {
        field,
        value: key,
        problem: `is the key of node ${id}`,
        cure: 'a key pair of its own for each node',
      });
    }
  }
  return undefined;
}
