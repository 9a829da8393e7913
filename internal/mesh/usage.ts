// Usage: what other nodes have counted of a tunnel. Asked when somebody wants to know, never told by itself.

import type { MessageInitShape } from '@bufbuild/protobuf';
import type { ChannelCredentials } from '@grpc/grpc-js';
import { MeshService, type TellUsageResponseSchema } from '#internal/gen/pop44/v1/mesh_pb.ts';
import { connect, serverNameOf } from '#internal/rpc/rpc.ts';
import type { Bytes } from '#internal/traffic/traffic.ts';

export interface UsageOfNode {
  readonly nodeId: string;
  /** Absent: nothing passed there. `silent`: it did not answer. */
  readonly bytes?: Bytes | 'silent';
}

/** Milliseconds; one that is there answers within one round trip. */
const patienceMs = 2_000;

export function tellUsage(bytes: Bytes | undefined): MessageInitShape<typeof TellUsageResponseSchema> {
  if (bytes === undefined) return {};
  const { upBytes, downBytes, sinceMs, lastMs } = bytes;
  return {
    bytes: {
      upBytes: BigInt(upBytes),
      downBytes: BigInt(downBytes),
      sinceMs: BigInt(sinceMs),
      lastMs: BigInt(lastMs),
    },
  };
}

/** All at once; in the order of `nodes`, which are addresses by id. */
export function askUsage(
  nodes: ReadonlyMap<string, string>,
  credentials: ChannelCredentials,
  tunnelId: string,
  signal: AbortSignal,
): Promise<readonly UsageOfNode[]> {
  return Promise.all(
    [...nodes].map(async ([nodeId, target]): Promise<UsageOfNode> => {
      const options = { serverName: serverNameOf(nodeId), deadlineMs: patienceMs };
      const connection = connect(MeshService, target, credentials, options);
      try {
        const { bytes } = await connection.call.tellUsage({ tunnelId }, { signal });
        if (bytes === undefined) return { nodeId };
        const { upBytes, downBytes, sinceMs, lastMs } = bytes;
        const told = [upBytes, downBytes, sinceMs, lastMs].map(Number);
        const [up = 0, down = 0, since = 0, last = 0] = told;
        return { nodeId, bytes: { upBytes: up, downBytes: down, sinceMs: since, lastMs: last } };
      } catch {
        // Away, or of a build that cannot tell: what it has counted is not lost, only not known now.
        return { nodeId, bytes: 'silent' };
      } finally {
        connection.close();
      }
    }),
  );
}
