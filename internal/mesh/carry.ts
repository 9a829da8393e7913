// Carry: open flows of a tunnel go from the node that it has left to the one that holds it. To that one alone: who talks with
// whom is nobody else's business.

import type { MessageInitShape } from '@bufbuild/protobuf';
import type { ChannelCredentials } from '@grpc/grpc-js';
import { carriedStates, type Flow, mostFlows } from '#internal/dataplane/dataplane.ts';
import { MeshService, type OpenFlow, type OpenFlowSchema } from '#internal/gen/pop44/v1/mesh_pb.ts';
import { familyOf, parseAddress } from '#internal/netip/netip.ts';
import { connect, serverNameOf } from '#internal/rpc/rpc.ts';

/** Milliseconds; a megabyte at most, and nothing waits for the kernel there. */
const patienceMs = 3_000;

const protocols = { tcp: 6, udp: 17 } as const;

export const wireOf = ({ protocol, ...flow }: Flow): MessageInitShape<typeof OpenFlowSchema> => ({
  ...flow,
  protocol: protocols[protocol],
});

function flowOf(told: Omit<OpenFlow, '$typeName' | '$unknown'>): readonly Flow[] {
  const { fromPort, toPort, secondsLeft, answered, assured, mark } = told;
  const protocol = told.protocol === protocols.tcp ? 'tcp' : 'udp';
  const state = protocol === 'udp' ? '' : carriedStates.find((each) => each === told.state);
  const [from, to] = [parseAddress(told.from), parseAddress(told.to)];
  if (told.protocol !== protocols[protocol] || state === undefined || (state === '' && told.state !== '')) return [];
  if (typeof from !== 'string' || typeof to !== 'string' || familyOf(from) !== familyOf(to)) return [];
  if (fromPort > 0xffff || toPort > 0xffff) return [];
  return [{ protocol, from, to, fromPort, toPort, state, secondsLeft, answered, assured, mark }];
}

/** Without those that are none: the other node is a machine of its own, and may have been broken into. O(flows) */
export const flowsTold = (flows: readonly Omit<OpenFlow, '$typeName' | '$unknown'>[]): readonly Flow[] =>
  flows.slice(0, mostFlows).flatMap(flowOf);

/** What is told, to whom. */
export interface Carriage {
  readonly nodeId: string;
  /** `[fd44:44::4]:4440` */
  readonly target: string;
  readonly tunnelId: string;
  readonly flows: readonly Flow[];
}

/** The rest of what is told of flows goes the same way, asked for. @throws when that node does not answer */
export async function askForFlows(
  { nodeId, target, tunnelId }: Omit<Carriage, 'flows'>,
  credentials: ChannelCredentials,
  signal: AbortSignal,
): Promise<readonly Flow[]> {
  const options = { serverName: serverNameOf(nodeId), deadlineMs: patienceMs };
  const connection = connect(MeshService, target, credentials, options);
  try {
    return flowsTold((await connection.call.askFlows({ tunnelId }, { signal })).flows);
  } finally {
    connection.close();
  }
}

export async function askToCarry(
  { nodeId, target, tunnelId, flows }: Carriage,
  credentials: ChannelCredentials,
  signal: AbortSignal,
): Promise<boolean> {
  const options = { serverName: serverNameOf(nodeId), deadlineMs: patienceMs };
  const connection = connect(MeshService, target, credentials, options);
  try {
    return (await connection.call.carryFlows({ tunnelId, flows: flows.map(wireOf) }, { signal })).taken;
  } finally {
    connection.close();
  }
}
