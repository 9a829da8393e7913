// Upstreams: a BGP session of a node to the outside.

import { clone, create } from '@bufbuild/protobuf';
import { type Refusal, refuse } from '#internal/errors/errors.ts';
import { Plane, type Upstream, UpstreamSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import {
  type CreateUpstreamRequest,
  type CreateUpstreamResponse,
  CreateUpstreamResponseSchema,
} from '#internal/gen/pop44/v1/fabric_pb.ts';
import type { Snapshot } from '#internal/model/model.ts';
import { alone, type CommandContext, type Decided, notReady, unchanged } from './context.ts';
import { endpointHeardField } from './endpoint-mode.ts';
import { keepLastResort } from './last-resort.ts';
import { exists, Form, idField, notFound, optionalAddressField, rangeField } from './fields.ts';
import { passwordField, upstreamShown } from './upstream-password.ts';

// No neighbour can have them: RFC 7607 (0), RFC 6793 (AS_TRANS), RFC 7300 (the last of 16 and of 32 bits).
const reservedAsns: ReadonlySet<number> = new Set([0, 23456, 65535, 4294967295]);

/** Refuses `required`, `invalid`, `not-found` (node), `already-exists` (id, neighbour). */
export function createUpstream(
  snapshot: Snapshot,
  request: CreateUpstreamRequest,
  _context: CommandContext,
): Refusal | Decided<CreateUpstreamResponse> {
  const upstream = clone(UpstreamSchema, request.upstream ?? create(UpstreamSchema));
  const form = new Form();
  form.check(notReady(snapshot));
  form.check(idField('upstream.id', upstream.id));
  form.check(idField('upstream.node_id', upstream.nodeId));
  form.check(planeField(upstream.plane));
  form.check(blackholeField(upstream));
  const neighbor4 = form.take(optionalAddressField('upstream.neighbor4', upstream.neighbor4, 4));
  const neighbor6 = form.take(optionalAddressField('upstream.neighbor6', upstream.neighbor6, 6));
  const node = snapshot.nodes.get(upstream.nodeId);
  form.check(asnField(upstream.neighborAsn, node?.record.asn));
  if (form.refusal !== undefined) return form.refusal;
  if (snapshot.upstreams.has(upstream.id)) return exists('upstream.id', upstream.id, 'exists already', 'another id');
  if (node === undefined) return notFound('upstream.node_id', upstream.nodeId, 'node');
  const unheard = endpointHeardField(snapshot, 'upstream.plane', upstream.plane, node.record.popId);
  if (unheard !== undefined) return unheard;
  const password = passwordField('upstream.sealed_password', upstream.sealedPassword, node.record);
  if (password !== undefined) return password;
  if (neighbor4 === '' && neighbor6 === '') {
    return refuse('required', {
      field: 'upstream.neighbor4',
      problem: 'and upstream.neighbor6 are both missing',
      cure: 'the address of the neighbour in at least one family',
    });
  }
  const record = Object.assign(upstream, { neighbor4, neighbor6 });
  for (const [id, { record: other }] of snapshot.upstreams) {
    if (other.nodeId !== record.nodeId || other.plane !== record.plane) continue;
    for (const [field, address, otherAddress] of [
      ['upstream.neighbor4', neighbor4, other.neighbor4],
      ['upstream.neighbor6', neighbor6, other.neighbor6],
    ] as const) {
      if (address === '' || address !== otherAddress) continue;
      return exists(field, address, `is the neighbour of upstream ${id} already`, 'one session for each neighbour');
    }
  }
  const { compares, writes } = alone(snapshot);
  return {
    decision: {
      compares: [...compares, unchanged('upstream', record.id, undefined), unchanged('node', record.nodeId, node)],
      writes: [
        ...(record.plane === Plane.POP ? keepLastResort(snapshot, writes) : writes),
        { op: 'put', kind: 'upstream', id: record.id, record },
      ],
    },
    response: create(CreateUpstreamResponseSchema, { upstream: upstreamShown(record) }),
  };
}

function planeField(plane: number): Refusal | undefined {
  if (plane === Plane.TRANSPORT || plane === Plane.POP) return undefined;
  const unset = plane === Plane.UNSPECIFIED;
  return refuse(unset ? 'required' : 'invalid', {
    field: 'upstream.plane',
    value: unset ? '' : String(plane),
    problem: unset ? 'is missing' : 'is no plane',
    cure: 'transport (endpoints) or pop (pools)',
  });
}

function blackholeField({ blackhole, plane }: Upstream): Refusal | undefined {
  if (!blackhole || plane === Plane.POP) return undefined;
  const about = { field: 'upstream.blackhole', value: 'true', problem: 'is of an upstream that hears of no pools' };
  return refuse('invalid', { ...about, cure: 'one of the plane pop' });
}

function asnField(asn: number, own: number | undefined): Refusal | undefined {
  const field = 'upstream.neighbor_asn';
  const outside = rangeField(field, asn, 1, 4294967294);
  if (outside !== undefined) return outside;
  const value = String(asn);
  if (reservedAsns.has(asn)) {
    return refuse('invalid', { field, value, problem: 'is reserved', cure: 'the ASN that the neighbour really has' });
  }
  if (asn !== own) return undefined;
  return refuse('invalid', { field, value, problem: "is the node's own ASN", cure: 'an upstream is another network' });
}
