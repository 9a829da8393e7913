// Reaching: measures from this node how far somebody is and whether a tunnel answers, for whoever asks over the mesh, and has
// other nodes do so.

import type { ChannelCredentials } from '@grpc/grpc-js';
import { internetAddress, type ReachParts, tunnelAt } from '#internal/api/api.ts';
import type { Clock } from '#internal/clock/clock.ts';
import { Fault, messageOf } from '#internal/errors/errors.ts';
import { knock } from '#internal/knock/knock.ts';
import { askExplain, askReach, type Measure } from '#internal/mesh/mesh.ts';
import type { Snapshot } from '#internal/model/model.ts';
import { endpointHost, familyOf, type IpAddress } from '#internal/netip/netip.ts';
import type { Reached, ReachQuestion } from '#internal/reach/reach.ts';
import type { EchoAsker } from '#internal/seam/seam.ts';
import type { Seen } from './seen.ts';

export interface ReachingParts {
  readonly nodeId: string;
  readonly snapshot: () => Snapshot;
  readonly addressOf: (nodeId: string) => string | undefined;
  readonly credentials: () => ChannelCredentials;
  readonly echo: EchoAsker['ask'];
  /** Clients of a pair's node, with what their handshakes have told of the way. */
  readonly seen: Pick<Seen, 'of'>;
  readonly clock: Clock;
}

export interface Reaching extends ReachParts {
  readonly measure: Measure;
}

/**
 * Of all askers together, at once and a second: whatever other nodes or people do, no more packets leave this node for others
 * than a line of 100 kbit/s carries.
 */
const burst = 60;
const perSecond = 20;

const unasked = (problem: string): Reached => ({ how: '', problem });

export function createReaching(parts: ReachingParts): Reaching {
  const { nodeId, snapshot, addressOf, credentials, echo, seen, clock } = parts;
  let left = burst;
  let atMs = clock.monotonicMs();

  function spend(): boolean {
    const nowMs = clock.monotonicMs();
    left = Math.min(burst, left + ((nowMs - atMs) / 1_000) * perSecond);
    atMs = nowMs;
    if (left < 1) return false;
    left -= 1;
    return true;
  }

  /** By the newest handshake of those whose device is at that address. */
  function byHandshake(address: IpAddress, tunnelIds: readonly string[]): Reached | undefined {
    const told = tunnelIds.flatMap((id) => {
      const client = seen.of(snapshot().tunnels.get(id)?.record.publicKey ?? '');
      return client !== undefined && client.rttMs > 0 && endpointHost(client.endpoint) === address ? [client] : [];
    });
    const newest = told.toSorted((a, b) => b.handshakeMs - a.handshakeMs)[0];
    return newest && { how: 'handshake', rttMs: newest.rttMs, problem: '' };
  }

  async function byEcho(address: IpAddress, directly: boolean): Promise<Reached> {
    const { loopback4 = '', loopback6 = '' } = snapshot().nodes.get(nodeId)?.record ?? {};
    const from = familyOf(address) === 4 ? loopback4 : loopback6;
    const { rttMs, problem } = directly
      ? await echo({ netns: 'pop', address, ...(from !== '' && { from }) })
      : await echo({ netns: 'transport', address });
    return rttMs === undefined ? unasked(problem) : { how: 'echo', rttMs, problem: '' };
  }

  async function byKnock(address: IpAddress, port: number): Promise<Reached> {
    const { how, rttMs } = await knock(address, port, clock);
    if (how === 'no way') return unasked('no way leads there');
    return how === 'silent' || rttMs === undefined ? unasked('') : { how, rttMs, problem: '' };
  }

  async function measure({ address: text, port, directly, tunnelIds }: ReachQuestion): Promise<Reached> {
    const address = internetAddress(text);
    if (address === undefined) return unasked('is no address on the internet');
    // Strangers are asked for an echo and nothing else.
    if ((port !== 0 || directly) && tunnelAt(snapshot(), address) === undefined)
      return unasked('is no address of a tunnel');
    if (port > 65_535) return unasked('is no port');
    if (!spend()) return unasked(`${nodeId} is asked too much`);
    if (port !== 0) return byKnock(address, port);
    try {
      const reached = await byEcho(address, directly);
      return reached.how === 'echo' ? reached : (byHandshake(address, tunnelIds) ?? reached);
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      return byHandshake(address, tunnelIds) ?? unasked(messageOf(thrown));
    }
  }

  return {
    measure,
    ask: async (id, question, signal) => {
      if (id === nodeId) return measure(question);
      const target = addressOf(id);
      if (target === undefined) return unasked(`${id} is not on the mesh`);
      return askReach({ nodeId: id, target }, question, credentials(), signal);
    },
    explainAt: (id, request, signal) => {
      const target = addressOf(id);
      if (target === undefined) throw new Fault('unavailable', `${id} is not on the mesh`);
      return askExplain({ nodeId: id, target }, request, credentials(), signal);
    },
  };
}
