// Tunnel state: what a tunnel is doing, in one word and a few figures, from what daemons tell.

import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { Client } from '#internal/client/client.ts';
import type { GetTunnelUsageResponse, Tunnel } from '#internal/gen/pop44/v1/tunnels_pb.ts';
import type { CallOptions } from '#internal/rpc/rpc.ts';
import { bytes } from './show.ts';
import { allTunnels } from './tunnel-list.ts';
import { troubleOf } from './words.ts';

export type Word = 'up' | 'quiet' | 'waiting' | 'off' | 'stopped';

export interface TunnelState {
  readonly id: string;
  readonly word: Word;
  readonly label: string;
  /** Node that holds it, or nothing. */
  readonly at: string;
  readonly sent: string;
  readonly received: string;
  /** Bytes that the client has sent and got. */
  readonly up: number;
  readonly down: number;
  /** ISO 8601, of the last packet; empty: there was none. */
  readonly last: string;
}

/** A session lives 180 s (WireGuard 6.1: REJECT_AFTER_TIME); with keepalive its silence says more, sooner. */
const sessionMs = 180_000;
const quietAfterMs = ({ keepaliveSeconds }: Tunnel): number =>
  keepaliveSeconds === 0 ? sessionMs : Math.min(sessionMs, (3 * keepaliveSeconds + 5) * 1_000);

const labels: Readonly<Record<Word, string>> = {
  up: 'Connected',
  quiet: 'Silent',
  waiting: 'Not connected yet',
  off: 'Switched off',
  stopped: 'Stopped by an operator',
};

export const colour = (word: Word): string =>
  word === 'up' ? 'up' : word === 'stopped' ? 'bad' : word === 'quiet' ? 'warn' : '';

export function stateOf(tunnel: Tunnel, usage: GetTunnelUsageResponse | undefined, now: Date): TunnelState {
  const times = (usage?.nodes ?? []).flatMap(({ last }) => (last === undefined ? [] : [timestampMs(last)]));
  const lastMs = times.length === 0 ? undefined : Math.max(...times);
  const word = ((): Word => {
    if (tunnel.suspension !== undefined) return 'stopped';
    if (!tunnel.enabled) return 'off';
    // Bytes are counted some seconds after a handshake is seen.
    if (lastMs === undefined) return tunnel.heldByNodeId === '' ? 'waiting' : 'up';
    return now.getTime() - lastMs < quietAfterMs(tunnel) ? 'up' : 'quiet';
  })();
  const [up, down] = [Number(usage?.upBytes ?? 0n), Number(usage?.downBytes ?? 0n)];
  return {
    ...{ id: tunnel.id, word, label: labels[word], at: tunnel.heldByNodeId },
    ...{ sent: bytes(up), received: bytes(down), up, down },
    last: lastMs === undefined ? '' : new Date(lastMs).toISOString(),
  };
}

/** Tunnels of a login whose bytes are told; each costs a question to every node. */
const mostCounted = 100;

/** Of everything that is the login's own. */
export async function tunnelStates(client: Client, call: CallOptions, now: Date): Promise<readonly TunnelState[]> {
  const tunnels = await allTunnels(client, call);
  return Promise.all(
    tunnels.slice(0, mostCounted).map(async (tunnel) => {
      const usage = await client.tunnels.getTunnelUsage({ tunnel: tunnel.id }, call).catch((thrown: unknown) => {
        // It has gone meanwhile, or a node has: what is known is shown.
        if (troubleOf(thrown)?.loggedOut === true) throw thrown;
        return undefined;
      });
      return stateOf(tunnel, usage, now);
    }),
  );
}
