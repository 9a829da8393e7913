// Tunnel state: what a tunnel is doing, in one word and a few figures, from what daemons tell.

import { create } from '@bufbuild/protobuf';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { Client } from '#internal/client/client.ts';
import { FollowOwnTunnelsSchema } from '#internal/gen/pop44/v1/live_pb.ts';
import type { GetTunnelUsageResponse, Tunnel } from '#internal/gen/pop44/v1/tunnels_pb.ts';
import type { CallOptions } from '#internal/rpc/rpc.ts';
import type { Look } from './live.ts';
import { bytes } from './show.ts';
import { troubleOf } from './words.ts';

export type Word = 'up' | 'quiet' | 'seen' | 'waiting' | 'off' | 'stopped';

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

const labels: Readonly<Record<Exclude<Word, 'seen'>, string>> = {
  up: 'Connected',
  quiet: 'Silent',
  waiting: 'Not connected yet',
  off: 'Switched off',
  stopped: 'Stopped by an operator',
};

export const colour = (word: Word): string =>
  word === 'up' ? 'up' : word === 'stopped' ? 'bad' : word === 'quiet' ? 'warn' : '';

/** @param told what nodes have counted; undefined: none could say; `not asked`: whether it is up now is not known then */
export function stateOf(
  tunnel: Tunnel,
  told: GetTunnelUsageResponse | undefined | 'not asked',
  now: Date,
): TunnelState {
  const usage = told === 'not asked' ? undefined : told;
  const times = (usage?.nodes ?? []).flatMap(({ last }) => (last === undefined ? [] : [timestampMs(last)]));
  const lastMs = times.length === 0 ? undefined : Math.max(...times);
  const word = ((): Word => {
    if (tunnel.suspension !== undefined) return 'stopped';
    if (!tunnel.enabled) return 'off';
    if (told === 'not asked') return tunnel.heldByNodeId === '' ? 'waiting' : 'seen';
    // Bytes are counted some seconds after a handshake is seen.
    if (lastMs === undefined) return tunnel.heldByNodeId === '' ? 'waiting' : 'up';
    return now.getTime() - lastMs < quietAfterMs(tunnel) ? 'up' : 'quiet';
  })();
  const [up, down] = [Number(usage?.upBytes ?? 0n), Number(usage?.downBytes ?? 0n)];
  return {
    ...{ id: tunnel.id, word, label: word === 'seen' ? `Last at ${tunnel.heldByNodeId}` : labels[word] },
    at: tunnel.heldByNodeId,
    ...{ sent: bytes(up), received: bytes(down), up, down },
    last: lastMs === undefined ? '' : new Date(lastMs).toISOString(),
  };
}

/**
 * Live, of a page: of one tunnel with its bytes, which cost a question to every node; of the list of one's own without
 * them: where each was seen last.
 */
export const tunnelLook: Look = (tunnel) => ({
  about:
    tunnel === '' ? { case: 'ownTunnels', value: create(FollowOwnTunnelsSchema) } : { case: 'tunnel', value: tunnel },
  show(answer, now) {
    const told = answer.case === 'tunnels' ? answer.value.tunnels : [];
    return told.flatMap(({ tunnel: each, usage }) =>
      each === undefined ? [] : [stateOf(each, tunnel === '' ? 'not asked' : usage, now)],
    );
  },
});

/** Undefined: nobody could tell; what is known besides is shown. @throws Refused: the login has ended, or there is no such tunnel */
export function usageOf(
  client: Client,
  call: CallOptions,
  tunnel: string,
): Promise<GetTunnelUsageResponse | undefined> {
  return client.tunnels.getTunnelUsage({ tunnel }, call).catch((thrown: unknown) => {
    const trouble = troubleOf(thrown);
    if (trouble?.loggedOut === true || trouble?.status === 404) throw thrown;
    return undefined;
  });
}
