// Reach service: how far places are from who calls, and whether a tunnel of his is reached from the internet.

import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { findTunnel } from '#internal/command/command.ts';
import { refuse } from '#internal/errors/errors.ts';
import type { ReachService } from '#internal/gen/pop44/v1/reach_pb.ts';
import { type Principal, principalName, Refused } from '#internal/rpc/rpc.ts';
import { type ReachQuestion, type Reached, ranked } from '#internal/reach/reach.ts';
import { internetAddress } from './internet-address.ts';
import { measuringNodes } from './measuring-nodes.ts';
import { probed } from './probe-tunnel.ts';
import { found, freshness, granted, type HandlersOf, localPopId, type ServiceContext } from './service.ts';
import type { ExplainedAt } from './explain-service.ts';

/** The nodes, as they measure and explain for each other. */
export interface ReachParts {
  /** Asks a node of the mesh, or this one; what fails is a problem of the answer. */
  ask(nodeId: string, question: ReachQuestion, signal: AbortSignal): Promise<Reached>;
  /** What another node does with a packet. @throws when it does not answer */
  readonly explainAt: ExplainedAt;
}

/** Of who asks how far he is; 64 tunnels in one place tell no more than some of them. */
const mostTunnels = 64;
/** Milliseconds that a distance is good for: a page that is loaded again asks nobody. */
const keptMs = 60_000;
/** Answers kept, 100 bytes a place each. */
const mostKept = 1_000;

interface Measured {
  readonly atMs: number;
  readonly byPop: ReadonlyMap<string, Reached>;
}

/** Whose handshakes tell how far he is. O(tunnels) */
function tunnelsOf({ head, keeper }: ServiceContext, principal: Principal): readonly string[] {
  if (principal.kind !== 'user') return [];
  const { owner } = granted(keeper.actor(principal));
  const own: string[] = [];
  for (const [id, { record }] of head.snapshot().tunnels) {
    if (record.owner === owner) own.push(id);
    if (own.length === mostTunnels) break;
  }
  return own;
}

/** @throws Refused */
function portOf(port: number): number {
  if (port <= 65_535) return port;
  throw new Refused(
    refuse('invalid', { field: 'port', value: String(port), problem: 'is no port', cure: '1 to 65535' }),
  );
}

export function reachHandlers(context: ServiceContext): HandlersOf<typeof ReachService> {
  const { clock, guessing, head, reach } = context;
  const kept = new Map<string, Measured>();

  const mayAsk = (principal: Principal, kind: 'near' | 'probe'): void => {
    const refusal = guessing.ask(principalName(principal), kind, clock.monotonicMs());
    if (refusal !== undefined) throw new Refused(refusal);
  };

  async function measured(principal: Principal, address: string, signal: AbortSignal): Promise<Measured> {
    const key = `${principalName(principal)} ${address}`;
    const before = kept.get(key);
    const nowMs = clock.monotonicMs();
    if (before !== undefined && nowMs - before.atMs < keptMs) return before;
    mayAsk(principal, 'near');
    const question = { address, port: 0, directly: false, tunnelIds: tunnelsOf(context, principal) };
    const asked = await Promise.all(
      measuringNodes(context).map(
        async ({ nodeId, popId }) => [popId, await reach.ask(nodeId, question, signal)] as const,
      ),
    );
    const answer = { atMs: nowMs, byPop: new Map(asked) };
    kept.delete(key);
    kept.set(key, answer);
    for (const oldest of kept.keys()) {
      if (kept.size <= mostKept) break;
      kept.delete(oldest);
    }
    return answer;
  }

  return {
    nearPops: async (_, { principal, signal }) => {
      const address = internetAddress(principal.source ?? '');
      const byPop = address === undefined ? undefined : (await measured(principal, address, signal)).byPop;
      const loads = new Map(measuringNodes(context).map(({ popId, load }) => [popId, load]));
      const open = [...head.snapshot().pops.values()].filter(({ record }) => record.acceptsTunnels);
      const places = open.map(({ record: { id, description } }) => {
        const reached = byPop?.get(id);
        const unasked = address === undefined ? 'your address on the internet is not known here' : 'it is not heard';
        const problem = reached === undefined ? unasked : reached.problem || 'nothing came back';
        const { rttMs, how = '' } = reached ?? {};
        return { popId: id, description, load: loads.get(id), rttMs, how, problem };
      });
      const { places: sorted, proposed, by } = ranked(places, localPopId(context));
      return {
        address: address ?? '',
        pops: sorted.map(({ popId, description, rttMs, how, problem }) => ({
          popId,
          description,
          measuredBy: rttMs === undefined ? '' : how,
          problem: rttMs === undefined ? problem : '',
          ...(rttMs !== undefined && { rttMs }),
        })),
        proposedPopId: proposed,
        proposedBy: by,
        freshness: freshness(context),
      };
    },
    probeTunnel: async ({ tunnel, port: given }, { principal, signal }) => {
      const port = portOf(given);
      const stored = await found(context, signal, (snapshot) => findTunnel(snapshot, tunnel));
      mayAsk(principal, 'probe');
      const { handshakeMs, ...answer } = await probed(context, stored, port, signal);
      return {
        ...answer,
        ...(handshakeMs > 0 && { lastHandshake: timestampFromMs(handshakeMs) }),
        freshness: freshness(context),
      };
    },
  };
}
