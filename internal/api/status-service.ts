// Status service: the network as this daemon sees it, and waiting for what it has reached.

import { findTunnel } from '#internal/command/command.ts';
import { isRefusal, type Refusal, refuse } from '#internal/errors/errors.ts';
import type { StatusService, WaitAppliedRequest } from '#internal/gen/pop44/v1/status_pb.ts';
import { carryingPops, nodesInForce, type Snapshot } from '#internal/model/model.ts';
import { Refused } from '#internal/rpc/rpc.ts';
import { certificateAlarms } from './certificate-alarms.ts';
import { meshView } from './mesh-view.ts';
import { nodeStates } from './node-states.ts';
import type { HandlersOf, ServiceContext } from './service.ts';
import { freshness, granted } from './service.ts';
import { topView } from './top.ts';
import { seenBy } from './tunnel-service.ts';

export function statusHandlers(context: ServiceContext): HandlersOf<typeof StatusService> {
  const { alarms, clock, config, head, reconciler, status, store, version } = context;
  return {
    getStatus: async () => {
      const snapshot = head.snapshot();
      return {
        nodeId: config.nodeId,
        version,
        freshness: freshness(context),
        nodes: nodeStates(context),
        tunnels: BigInt(snapshot.tunnels.size),
        allocations: BigInt(snapshot.allocations.size),
        quarantinedKeys: [...store.quarantined()].sort(),
        alarms: [...(alarms?.() ?? []), ...certificateAlarms(snapshot, config.nodeId, clock.wall())],
      };
    },
    getMesh: async () => meshView(context),
    getTop: async ({ tunnels }, { principal }) => granted(topView(context, tunnels, seenBy(context, principal))),
    waitApplied: async function* (request, { signal }) {
      // A tunnel that was created in this revision stands in no older snapshot.
      if (request.tunnel !== '') await head.reached(request.revision, signal);
      const nodes = granted(awaited(head.snapshot(), request));
      for await (const pending of status.pending(request.revision, nodes, signal))
        yield { pendingNodeIds: [...pending] };
    },
    releaseBrake: async ({ nodeId }) => {
      if (nodeId !== config.nodeId) {
        throw new Refused(
          refuse('invalid', {
            field: 'node_id',
            value: nodeId,
            problem: `is not this daemon's node, ${config.nodeId}`,
            cure: 'ask the daemon of that node',
          }),
        );
      }
      const held = reconciler.release();
      const still = status.own().held;
      if (still === '') return { held };
      throw new Refused(
        refuse('held', {
          field: 'node_id',
          value: nodeId,
          problem: `goes on holding: ${still}`,
          cure: "mend that; confirm again when the reason is a new one or the node's dataplane was away",
        }),
      );
    },
  };
}

function awaited(snapshot: Snapshot, request: WaitAppliedRequest): readonly string[] | Refusal {
  const { nodeIds, tunnel } = request;
  if (tunnel === '') {
    // Nobody waits for a node that was shut out.
    const all = nodesInForce(snapshot).map(({ id }) => id);
    const unknown = nodeIds.find((id) => !snapshot.nodes.has(id));
    if (unknown === undefined) return nodeIds.length === 0 ? all : nodeIds;
    return refuse('not-found', {
      field: 'node_ids',
      value: unknown,
      problem: 'is no node of this network',
      cure: all.join(', '),
    });
  }
  if (nodeIds.length > 0) {
    return refuse('invalid', {
      field: 'tunnel',
      value: tunnel,
      problem: 'stands beside node_ids',
      cure: 'one of both',
    });
  }
  const stored = findTunnel(snapshot, tunnel);
  if (isRefusal(stored)) return stored;
  const popIds = new Set(carryingPops(snapshot, stored.record.placement?.popIds ?? []));
  return nodesInForce(snapshot).flatMap(({ id, popId }) => (popIds.has(popId) ? [id] : []));
}
