// Top: what nodes and the busiest tunnels carry, out of what each node told this daemon last.

import type { MessageInitShape } from '@bufbuild/protobuf';
import { type Refusal, refuse } from '#internal/errors/errors.ts';
import type { Tunnel } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { BusyTunnelSchema, GetTopResponseSchema } from '#internal/gen/pop44/v1/status_pb.ts';
import { nodesInForce } from '#internal/model/model.ts';
import { isHeard } from '#internal/status/status.ts';
import { mostBusiest } from '#internal/traffic/traffic.ts';
import { nodeStates } from './node-states.ts';
import { freshness, type ServiceContext } from './service.ts';

type BusyTunnel = MessageInitShape<typeof BusyTunnelSchema> & {
  readonly upBytesPerSecond: bigint;
  readonly downBytesPerSecond: bigint;
};

const byBoth = (a: BusyTunnel, b: BusyTunnel): number =>
  Number(b.upBytesPerSecond + b.downBytesPerSecond - a.upBytesPerSecond - a.downBytesPerSecond);

/**
 * @param shows whether the caller may see a tunnel
 *
 * O(nodes × 50): a node tells no more of its tunnels, and of the busiest of all each is among those of its node.
 */
export function topView(
  context: ServiceContext,
  tunnels: number,
  shows: (tunnel: Tunnel) => boolean,
): MessageInitShape<typeof GetTopResponseSchema> | Refusal {
  const { clock, config, head, status } = context;
  if (tunnels > mostBusiest) {
    const problem = `is more than the ${mostBusiest} that nodes tell of`;
    return refuse('invalid', { field: 'tunnels', value: String(tunnels), problem, cure: `0 to ${mostBusiest}` });
  }
  const now = clock.wall();
  const snapshot = head.snapshot();
  const ids = new Set(nodesInForce(snapshot).map(({ id }) => id));
  const busy = [...ids].sort().flatMap((nodeId): BusyTunnel[] => {
    const known = status.of(nodeId);
    if (known === undefined || (nodeId !== config.nodeId && !isHeard(known, now))) return [];
    return known.report.busiest.flatMap((rate) => {
      const record = snapshot.tunnels.get(rate.tunnelId)?.record;
      // One that was deleted meanwhile carries nothing.
      if (record === undefined || !shows(record)) return [];
      return [{ ...rate, name: record.name, owner: record.owner, nodeId }];
    });
  });
  return {
    nodeId: config.nodeId,
    freshness: freshness(context),
    nodes: nodeStates(context).filter(({ node }) => ids.has(node?.id ?? '')),
    tunnels: tunnels === 0 ? [] : busy.sort(byBoth).slice(0, tunnels),
  };
}
