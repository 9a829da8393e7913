// Tunnel asks: requests of a tunnel's life after its creation.

import { publicKey } from '#internal/testkit/requests.ts';
import type { CallOptions } from '#internal/rpc/rpc.ts';
import type { Client } from '#internal/client/client.ts';
import type { Changed } from '#internal/gen/pop44/v1/common_pb.ts';
import type { Tunnel as ShownTunnel } from '#internal/gen/pop44/v1/tunnels_pb.ts';
import type { Ask } from './ask.ts';
import { tunnelKeys } from './asks.ts';
import type { Kind, TunnelFields } from './history.ts';
import type { Tunnel } from './memory.ts';

interface Told {
  readonly changed?: Changed | undefined;
  readonly tunnel?: ShownTunnel | undefined;
}

interface Change {
  readonly request: string;
  readonly tunnel: Tunnel;
  readonly kind: Kind;
  readonly asked: string;
  readonly sets?: TunnelFields;
  readonly send: (client: Client, change: { readonly requestId: string }, options: CallOptions) => Promise<Told>;
}

/** Somebody else may change it at once, so that it is not taken out of anybody's memory. */
const changing = ({ request, tunnel, kind, asked, sets, send }: Change): Ask => ({
  ...{ request, kind, owner: tunnel.owner, asked: `${tunnel.id} ${asked}`, takes: [] },
  ...(sets && { sets }),
  send: async (client, options) => {
    const { changed } = await send(client, { requestId: request }, options);
    return { changed, given: [`tunnel/${tunnel.id}`], prefixes: [], id: tunnel.id };
  },
  settled: () => {},
});

/** One field of several that others change meanwhile. */
export function askUpdate(request: string, tunnel: Tunnel, random: () => number): Ask {
  const about = { request, tunnel, kind: 'update-tunnel' as const };
  const { id } = tunnel;
  const draw = Math.floor(random() * 4);
  if (draw === 0) {
    const enabled = random() < 0.5;
    return changing({
      ...{ ...about, asked: enabled ? 'enabled' : 'disabled', sets: { enabled: String(enabled) } },
      send: (client, change, options) => client.tunnels.updateTunnel({ change, tunnel: id, enabled }, options),
    });
  }
  if (draw === 1) {
    const mtu = 1_280 + Math.floor(random() * 100);
    return changing({
      ...{ ...about, asked: `mtu ${mtu}`, sets: { mtu: String(mtu) } },
      send: (client, change, options) => client.tunnels.updateTunnel({ change, tunnel: id, mtu }, options),
    });
  }
  if (draw === 2) {
    const keepaliveSeconds = Math.floor(random() * 120);
    return changing({
      ...{ ...about, asked: `keepalive ${keepaliveSeconds}`, sets: { keepaliveSeconds: String(keepaliveSeconds) } },
      send: (client, change, options) => client.tunnels.updateTunnel({ change, tunnel: id, keepaliveSeconds }, options),
    });
  }
  const name = `n${Math.floor(random() * 1e9)}`;
  return changing({
    ...{ ...about, asked: `named ${name}`, sets: { name } },
    send: (client, change, options) => client.tunnels.updateTunnel({ change, tunnel: id, name }, options),
  });
}

export function askNewKey(request: string, tunnel: Tunnel): Ask {
  const key = publicKey();
  return changing({
    ...{ request, tunnel, kind: 'update-tunnel', asked: `key ${key}`, sets: { publicKey: key } },
    send: (client, change, options) =>
      client.tunnels.updateTunnel({ change, tunnel: tunnel.id, publicKey: key }, options),
  });
}

export function askRotate(request: string, tunnel: Tunnel, cancel: boolean): Ask {
  const key = cancel ? '' : publicKey();
  return changing({
    ...{ request, tunnel, kind: 'rotate-key', asked: cancel ? 'rotation given up' : `next key ${key}` },
    sets: { nextPublicKey: key },
    send: (client, change, options) =>
      client.tunnels.rotateTunnelKey({ change, tunnel: tunnel.id, nextPublicKey: key, cancel }, options),
  });
}

export function askSuspend(request: string, tunnel: Tunnel, suspended: boolean): Ask {
  const about = { request, tunnel, kind: suspended ? 'suspend-tunnel' : 'unsuspend-tunnel' } as const;
  return changing({
    ...{ ...about, asked: '', sets: { suspension: suspended ? 'chaos' : '' } },
    send: (client, change, options) =>
      suspended
        ? client.desk.suspendTunnel({ change, tunnel: tunnel.id, reason: 'chaos' }, options)
        : client.desk.unsuspendTunnel({ change, tunnel: tunnel.id }, options),
  });
}

/** `settled` is told whether it is there again. */
export function askRestore(request: string, tunnel: Tunnel, settled: (restored: boolean) => void): Ask {
  const { id, owner } = tunnel;
  return {
    ...{ request, kind: 'restore-tunnel', owner, asked: id, takes: [] },
    send: async (client, options) => {
      const answer = await client.tunnels.restoreTunnel({ change: { requestId: request }, tunnel: id }, options);
      return { changed: answer.changed, given: answer.tunnel ? tunnelKeys(answer.tunnel) : [], prefixes: [], id };
    },
    settled: (answer) => settled(answer !== undefined),
  };
}
