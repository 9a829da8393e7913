// Update node: what may change in a node's life.

import { clone, create } from '@bufbuild/protobuf';
import { isRefusal, type Refusal, refuse } from '#internal/errors/errors.ts';
import { FabricRouting, NodeSchema, Plane } from '#internal/gen/pop44/store/v1/records_pb.ts';
import {
  type UpdateNodeRequest,
  type UpdateNodeResponse,
  UpdateNodeResponseSchema,
} from '#internal/gen/pop44/v1/fabric_pb.ts';
import type { Snapshot } from '#internal/model/model.ts';
import { alone, type CommandContext, type Decided, notReady, staleEtag } from './context.ts';
import { Draft } from './draft.ts';
import { fabricRouting } from './fabric-routing.ts';
import { notFound } from './fields.ts';
import { heartbeatField } from './heartbeat.ts';
import { lastResortField, nameLastResort } from './last-resort.ts';
import { uplinkField } from './rates.ts';

/** A uint32 that has come round is another one still. */
const next = (generation: number): number => (generation + 1) % 2 ** 32;

/** Refuses `invalid`, and `not-ready` where what the node tells would be lost. */
function planeField(snapshot: Snapshot, plane: Plane): Refusal | undefined {
  // An adjacency of OSPF that begins anew does not keep its routes, as sessions of BGP do (adr/0047).
  if (plane === Plane.POP && fabricRouting(snapshot) === FabricRouting.OSPF)
    return refuse('not-ready', {
      field: 'restart_routing',
      value: 'pop',
      problem: 'loses routes for seconds while OSPF alone leads to the node',
      cure: 'pop44 network routing beside before, and pop44 network routing ospf after',
    });
  if (plane === Plane.UNSPECIFIED || plane === Plane.TRANSPORT || plane === Plane.POP) return undefined;
  const problem = 'is none of the BIRDs of a node';
  return refuse('invalid', {
    field: 'restart_routing',
    value: String(plane),
    problem,
    cure: '1 (transport) or 2 (pop)',
  });
}

/**
 * Rates of tunnels that are above a lower uplink stay: the node gives what it has. Refuses `required` (nothing to
 * change), `not-found`, `stale-etag`, `invalid`, `already-exists` and `in-use` (heartbeat).
 */
export function updateNode(
  snapshot: Snapshot,
  request: UpdateNodeRequest,
  _context: CommandContext,
): Refusal | Decided<UpdateNodeResponse> {
  const unready = notReady(snapshot);
  if (unready !== undefined) return unready;
  const stored = snapshot.nodes.get(request.node);
  if (stored === undefined) return notFound('node', request.node, 'node');
  const { uplinkBitPerSecond = stored.record.uplinkBitPerSecond, heartbeat } = request;
  const { routingWindow = stored.record.routingWindow, restartRouting } = request;
  const given = [request.uplinkBitPerSecond, heartbeat, request.lastResort, request.routingWindow];
  if (given.every((field) => field === undefined) && restartRouting === Plane.UNSPECIFIED) {
    const problem = 'is given nothing to change';
    return refuse('required', {
      field: 'node',
      value: request.node,
      problem,
      cure: 'uplink_bit_per_second, heartbeat, last_resort, routing_window or restart_routing',
    });
  }
  const refusal =
    staleEtag(request.change, stored.revision) ??
    uplinkField(uplinkBitPerSecond) ??
    lastResortField(snapshot, request.node, request.lastResort) ??
    planeField(snapshot, restartRouting);
  if (refusal !== undefined) return refusal;
  const before = stored.record.heartbeat;
  const link = heartbeat === undefined ? before : heartbeatField(snapshot, 'heartbeat', stored.record, heartbeat);
  if (isRefusal(link)) return link;
  // The stored message, so that fields of a newer daemon survive.
  const node = Object.assign(clone(NodeSchema, stored.record), { uplinkBitPerSecond, heartbeat: link, routingWindow });
  if (restartRouting === Plane.TRANSPORT) node.transportRoutingGeneration = next(node.transportRoutingGeneration);
  if (restartRouting === Plane.POP) node.popRoutingGeneration = next(node.popRoutingGeneration);
  const response = create(UpdateNodeResponseSchema, { node });
  const draft = new Draft();
  draft.read('node', node.id, stored);
  draft.write({ op: 'put', kind: 'node', id: node.id, record: node });
  if (request.lastResort !== undefined) nameLastResort(snapshot, node.id, request.lastResort, draft);
  const decision = draft.decision();
  const named = decision.writes.some(({ kind }) => kind === 'network');
  if (named || link === before) return { decision, response };
  // Of three nodes of a PoP that ask at once, two get one: each rewrites the network record.
  const { compares, writes } = alone(snapshot);
  return {
    decision: { compares: [...compares, ...decision.compares], writes: [...writes, ...decision.writes] },
    response,
  };
}
