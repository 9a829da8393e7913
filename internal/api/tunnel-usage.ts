// Tunnel usage: what all nodes have counted of one tunnel.

import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { Tunnel } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { GetTunnelUsageResponseSchema, NodeUsageSchema } from '#internal/gen/pop44/v1/tunnels_pb.ts';
import { carryingPops, type Snapshot } from '#internal/model/model.ts';
import type { Bytes } from '#internal/traffic/traffic.ts';

/** Where bytes of tunnels are counted. */
export interface Usage {
  own(tunnelId: string): Bytes | undefined;
  others(
    tunnelId: string,
    signal: AbortSignal,
  ): Promise<readonly { readonly nodeId: string; readonly bytes?: Bytes | 'silent' }[]>;
}

type NodeUsage = MessageInitShape<typeof NodeUsageSchema>;

const usageOf = (nodeId: string, bytes: Bytes | 'silent' | undefined): NodeUsage => {
  if (bytes === undefined) return { nodeId };
  if (bytes === 'silent') return { nodeId, silent: true };
  const { upBytes, downBytes, sinceMs, lastMs } = bytes;
  return {
    nodeId,
    upBytes: BigInt(upBytes),
    downBytes: BigInt(downBytes),
    since: timestampFromMs(sinceMs),
    last: timestampFromMs(lastMs),
  };
};

const sum = (nodes: readonly NodeUsage[], of: 'upBytes' | 'downBytes'): bigint =>
  nodes.reduce((total, node) => total + (node[of] ?? 0n), 0n);

/** O(nodes), one round trip. */
export async function tunnelUsage(
  { snapshot, nodeId, usage }: { readonly snapshot: Snapshot; readonly nodeId: string; readonly usage: Usage },
  tunnel: Tunnel,
  signal: AbortSignal,
): Promise<MessageInitShape<typeof GetTunnelUsageResponseSchema>> {
  const others = await usage.others(tunnel.id, signal);
  const told = new Map<string, Bytes | 'silent' | undefined>([
    [nodeId, usage.own(tunnel.id)],
    ...others.map(({ nodeId: id, bytes }) => [id, bytes] as const),
  ]);
  const popIds = new Set(carryingPops(snapshot, tunnel.placement?.popIds ?? []));
  // One that is not on the mesh cannot be asked.
  const carrying = [...snapshot.nodes.values()].filter(({ record }) => popIds.has(record.popId));
  for (const { record } of carrying) if (!told.has(record.id)) told.set(record.id, 'silent');
  const carries = new Set(carrying.map(({ record }) => record.id));
  const nodes = [...told]
    .filter(([id, bytes]) => carries.has(id) || bytes !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([id, bytes]) => usageOf(id, bytes));
  return { tunnelId: tunnel.id, upBytes: sum(nodes, 'upBytes'), downBytes: sum(nodes, 'downBytes'), nodes };
}
