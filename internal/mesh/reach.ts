// Reach: what another node measures or explains for this one, when somebody has asked it.

import type { MessageInitShape } from '@bufbuild/protobuf';
import type { ChannelCredentials } from '@grpc/grpc-js';
import { Fault, messageOf } from '#internal/errors/errors.ts';
import { type ExplainRequest, type ExplainResponse, ExplainService } from '#internal/gen/pop44/v1/explain_pb.ts';
import { type AskReachRequest, type AskReachResponseSchema, MeshService } from '#internal/gen/pop44/v1/mesh_pb.ts';
import type { Reached, ReachQuestion } from '#internal/reach/reach.ts';
import { connect, Refused, serverNameOf } from '#internal/rpc/rpc.ts';

/** Measures for whoever asks over the mesh. */
export type Measure = (question: ReachQuestion) => Promise<Reached>;

/** Where a node answers. */
export interface MeshTarget {
  readonly nodeId: string;
  /** `[fd44:44::4]:4440` */
  readonly target: string;
}

/** Milliseconds: an echo that nobody answers takes 1.4 s (driver/ping). */
const patienceMs = 2_000;
/** A question about a packet has 4 s of the privileged half (seam/facts-asker.ts); who asks here waits no longer than this. */
const explainMs = 3_000;

const hows: readonly Reached['how'][] = ['echo', 'open', 'refused', 'handshake'];
/** More than anybody has of a place. */
const mostTunnels = 64;

export async function tellReach(
  measure: Measure,
  { address, port, directly, tunnelIds }: AskReachRequest,
): Promise<MessageInitShape<typeof AskReachResponseSchema>> {
  return measure({ address, port, directly, tunnelIds: tunnelIds.slice(0, mostTunnels) });
}

/** What fails is a problem of the answer, without the words of the fault: people read it. */
export async function askReach(
  { nodeId, target }: MeshTarget,
  { tunnelIds, ...question }: ReachQuestion,
  credentials: ChannelCredentials,
  signal: AbortSignal,
): Promise<Reached> {
  const options = { serverName: serverNameOf(nodeId), deadlineMs: patienceMs };
  const connection = connect(MeshService, target, credentials, options);
  try {
    const answer = await connection.call.askReach({ ...question, tunnelIds: [...tunnelIds] }, { signal });
    const how = hows.find((each) => each === answer.how) ?? '';
    const { rttMs, problem } = answer;
    const came = how !== '' && rttMs !== undefined && Number.isFinite(rttMs) && rttMs >= 0;
    return came ? { how, rttMs, problem: '' } : { how: '', problem };
  } catch (thrown) {
    if (!(thrown instanceof Fault || thrown instanceof Refused)) throw thrown;
    return {
      how: '',
      problem: `${nodeId} does not answer: ${thrown instanceof Fault ? thrown.code : messageOf(thrown)}`,
    };
  } finally {
    connection.close();
  }
}

/** @throws when that node does not answer */
export async function askExplain(
  { nodeId, target }: MeshTarget,
  request: Omit<ExplainRequest, '$typeName' | '$unknown'>,
  credentials: ChannelCredentials,
  signal: AbortSignal,
): Promise<ExplainResponse> {
  const options = { serverName: serverNameOf(nodeId), deadlineMs: explainMs };
  const connection = connect(ExplainService, target, credentials, options);
  try {
    return await connection.call.explain(request, { signal });
  } finally {
    connection.close();
  }
}
