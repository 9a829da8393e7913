// Interconnects: a link between two nodes. What the request leaves open is chosen: the lowest that is free, so that
// the same fabric built in the same order has the same addresses and ports.

import { create } from '@bufbuild/protobuf';
import { isRefusal, type Refusal, refuse } from '#internal/errors/errors.ts';
import { InterconnectSchema, type Node } from '#internal/gen/pop44/store/v1/records_pb.ts';
import {
  type CreateInterconnectRequest,
  type CreateInterconnectResponse,
  CreateInterconnectResponseSchema,
  type DeleteInterconnectRequest,
  type DeleteInterconnectResponse,
  DeleteInterconnectResponseSchema,
} from '#internal/gen/pop44/v1/fabric_pb.ts';
import type { Snapshot } from '#internal/model/model.ts';
import { familyOf, hostPrefix, type IpAddress } from '#internal/netip/netip.ts';
import { alone, type CommandContext, type Decided, notReady, staleEtag, unchanged } from './context.ts';
import { addressField, exists, Form, idField, notFound, rangeField } from './fields.ts';
import { staysReached } from './last-core.ts';
import { linkField } from './link-space.ts';
import { revokedNode } from './revoke-node.ts';
import { freePort, refusedPort } from './ports.ts';
import { rotatingEnd, withOtherLink } from './rotate-interconnect-key.ts';
import { refusedRoutes } from './routes-field.ts';
import { fabricSpace, insidePool, taken } from './space.ts';

// WireGuard over IPv4 and IPv6 on a 1,500-byte path: 1500 - 40 - 8 - 32.
const defaultMtu = 1420;

/** Refuses `required`, `invalid`, `not-found` (node), `already-exists` (pair, address, port), `overlap`. */
export function createInterconnect(
  snapshot: Snapshot,
  request: CreateInterconnectRequest,
  context: CommandContext,
): Refusal | Decided<CreateInterconnectResponse> {
  const mtu = request.mtu === 0 ? defaultMtu : request.mtu;
  const form = new Form();
  form.check(notReady(snapshot));
  form.check(idField('interconnect.node_a', request.nodeA));
  form.check(idField('interconnect.node_b', request.nodeB));
  form.check(rangeField('interconnect.mtu', mtu, 1280, 9000));
  if (form.refusal !== undefined) return form.refusal;
  const [a, b] = [snapshot.nodes.get(request.nodeA), snapshot.nodes.get(request.nodeB)];
  if (a === undefined) return notFound('interconnect.node_a', request.nodeA, 'node');
  if (b === undefined) return notFound('interconnect.node_b', request.nodeB, 'node');
  form.check(revokedNode('interconnect.node_a', a.record) ?? revokedNode('interconnect.node_b', b.record));
  const underlay = underlayFields(snapshot, request, [a.record, b.record]);
  if (isRefusal(underlay)) form.check(underlay);
  form.check(refusedPair(snapshot, request, [a.record, b.record]));
  form.check(refusedRoutes(snapshot, request.routes, [a.record, b.record]));
  form.check(rotatingEnd([a.record, b.record]));
  const link4 = form.take(linkField(snapshot, 'interconnect.link4', request.link4, 4));
  const link6 = form.take(linkField(snapshot, 'interconnect.link6', request.link6, 6));
  const portA = request.portA || freePort(snapshot, [a.record]);
  const portB = request.portB || freePort(snapshot, [b.record]);
  form.check(refusedPort(snapshot, 'interconnect.port_a', portA, a.record));
  form.check(refusedPort(snapshot, 'interconnect.port_b', portB, b.record));
  if (form.refusal !== undefined) return form.refusal;
  const [underlayA, underlayB] = isRefusal(underlay) ? ['', ''] : underlay;

  // The record's first node is the one with the lower id, whichever the request names first.
  const ends =
    a.record.id < b.record.id
      ? { nodeA: a.record.id, nodeB: b.record.id, portA, portB, underlayA, underlayB }
      : {
          ...{ nodeA: b.record.id, nodeB: a.record.id, portA: portB, portB: portA },
          ...{ underlayA: underlayB, underlayB: underlayA },
        };
  const id = freeId(snapshot, `${ends.nodeA}-${ends.nodeB}`, context);
  const first = create(InterconnectSchema, { id, ...ends, link4, link6, mtu });
  const known = { ...snapshot, interconnects: snapshot.interconnects.set(id, { record: first, revision: 0n }) };
  // The keys of its ends have been rotated an odd number of times: the other link is the one in use.
  const interconnect = otherFirst(a.record, b.record) ? withOtherLink(known, first) : first;
  if (isRefusal(interconnect)) return interconnect;
  const { compares, writes } = alone(snapshot);
  return {
    decision: {
      compares: [
        ...compares,
        unchanged('interconnect', id, undefined),
        unchanged('node', a.record.id, a),
        unchanged('node', b.record.id, b),
      ],
      writes: [...writes, { op: 'put', kind: 'interconnect', id, record: interconnect }],
    },
    response: create(CreateInterconnectResponseSchema, { interconnect }),
  };
}

function otherFirst(a: Node, b: Node): boolean {
  return ((a.interconnectKeyAge?.generation ?? 0) + (b.interconnectKeyAge?.generation ?? 0)) % 2 === 1;
}

function refusedPair(
  snapshot: Snapshot,
  { parallel, underlayA, underlayB }: CreateInterconnectRequest,
  [a, b]: readonly [Node, Node],
): Refusal | undefined {
  const field = 'interconnect.node_b';
  if (a.id === b.id) {
    return refuse('invalid', { field, value: b.id, problem: 'is node_a itself', cure: 'two different nodes' });
  }
  const joined = [...snapshot.interconnects].find(
    ([, { record }]) => [record.nodeA, record.nodeB].includes(a.id) && [record.nodeA, record.nodeB].includes(b.id),
  );
  if (joined !== undefined && !parallel)
    return exists(field, b.id, `is joined to ${a.id} by ${joined[0]} already`, 'parallel, for another one beside it');
  if ((a.underlay4 !== '' && b.underlay4 !== '') || (a.underlay6 !== '' && b.underlay6 !== '')) return undefined;
  if (underlayA !== '' && underlayB !== '') return undefined;
  return refuse('invalid', {
    field,
    value: b.id,
    problem: `has no underlay address of a family that ${a.id} has`,
    cure: 'nodes that reach each other by IPv4 or by IPv6',
  });
}

/** Refuses `invalid` (not of one family, or the other end has none of it), `already-exists`, `overlap`. */
function underlayFields(
  snapshot: Snapshot,
  request: CreateInterconnectRequest,
  [a, b]: readonly [Node, Node],
): readonly [string, string] | Refusal {
  const own = (field: string, value: string, node: Node): IpAddress | '' | Refusal => {
    const address = value === '' ? '' : addressField(field, value);
    if (isRefusal(address) || address === '' || [node.underlay4, node.underlay6].includes(address)) return address;
    const prefix = hostPrefix(address);
    return insidePool(snapshot, field, prefix, value) ?? taken(fabricSpace(snapshot), field, prefix, value) ?? address;
  };
  const underlayA = own('interconnect.underlay_a', request.underlayA, a);
  if (isRefusal(underlayA)) return underlayA;
  const underlayB = own('interconnect.underlay_b', request.underlayB, b);
  if (isRefusal(underlayB)) return underlayB;
  const unmatched = (field: string, given: IpAddress | '', other: string, far: Node): Refusal | undefined => {
    if (given === '') return undefined;
    const family = familyOf(given);
    const reached = other === '' ? (family === 4 ? far.underlay4 : far.underlay6) : other;
    if (reached !== '' && reached.includes(':') === (family === 6)) return undefined;
    const about = { field, value: given, problem: `is of IPv${family}, and the other end ${far.id} has none of it` };
    return refuse('invalid', { ...about, cure: 'addresses of one family at both ends' });
  };
  return (
    unmatched('interconnect.underlay_a', underlayA, underlayB, b) ??
    unmatched('interconnect.underlay_b', underlayB, underlayA, a) ?? [underlayA, underlayB]
  );
}

/** The two ids joined, which a person recognises, and a number when there are more; `i-` and 12 digits when that is too long. */
function freeId(snapshot: Snapshot, joined: string, context: CommandContext): string {
  const usable = (id: string): boolean => id.length <= 32 && !snapshot.interconnects.has(id);
  for (let number = 1; number <= snapshot.interconnects.size + 1; number += 1) {
    const id = number === 1 ? joined : `${joined}-${number}`;
    if (usable(id)) return id;
  }
  return `i-${context.newId().slice(0, 12)}`;
}

/** Refuses `not-found`, `stale-etag`, `in-use` (the last one of a node with a CORE, unless forced). */
export function deleteInterconnect(
  snapshot: Snapshot,
  request: DeleteInterconnectRequest,
  _context: CommandContext,
): Refusal | Decided<DeleteInterconnectResponse> {
  const refusal = notReady(snapshot);
  if (refusal !== undefined) return refusal;
  const id = request.interconnect;
  const stored = snapshot.interconnects.get(id);
  if (stored === undefined) return notFound('interconnect', id, 'interconnect');
  const stale = staleEtag(request.change, stored.revision);
  if (stale !== undefined) return stale;
  const stay = request.force ? [] : staysReached(snapshot, stored.record);
  if (isRefusal(stay)) return stay;
  // Two that go at once are each the way that the other one leaves.
  const others = stay.map((other) => unchanged('interconnect', other, snapshot.interconnects.get(other)));
  return {
    decision: {
      compares: [unchanged('interconnect', id, stored), ...others],
      writes: [{ op: 'delete', kind: 'interconnect', id }],
    },
    response: create(DeleteInterconnectResponseSchema),
  };
}
