// Node states: the nodes of the snapshot with what the mesh has told of them.

import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { NodeStateSchema } from '#internal/gen/pop44/v1/fabric_pb.ts';
import { lastResortOrigin } from '#internal/model/model.ts';
import { listed } from './pages.ts';
import type { ServiceContext } from './service.ts';

/** By id. A node that nothing was heard of is not connected. */
export function nodeStates({ head, status }: ServiceContext): MessageInitShape<typeof NodeStateSchema>[] {
  const snapshot = head.snapshot();
  const named = ([4, 6] as const).map((family) => lastResortOrigin(snapshot, family)?.id);
  return listed(snapshot.nodes).map(({ record: node }) => {
    const known = status.of(node.id);
    const lastResort = named.includes(node.id);
    if (known === undefined) return { node, lastResort };
    const { connected, report, rttMs, clockOffsetMs, lastHeard } = known;
    return {
      node,
      lastResort,
      connected,
      appliedRevision: report.appliedRevision,
      failingSteps: report.failingSteps,
      failure: report.failure,
      held: report.held,
      stale: report.stale,
      rotation: report.rotation,
      role: report.role,
      takeoverEpoch: report.takeoverEpoch,
      pairAlarm: report.pairAlarm,
      drainPending: report.drainPending,
      routingChange: report.routingChange,
      ...(report.flows === undefined ? {} : { flows: report.flows }),
      ...(report.flowsHeld === undefined ? {} : { flowsHeld: report.flowsHeld }),
      ...(report.traffic && { traffic: report.traffic }),
      loopLagMs: report.loopLagMs,
      load: report.load,
      ...(rttMs === undefined ? {} : { rttMs }),
      ...(clockOffsetMs === undefined ? {} : { clockOffsetMs }),
      ...(lastHeard === undefined ? {} : { lastHeard: timestampFromDate(lastHeard) }),
    };
  });
}
