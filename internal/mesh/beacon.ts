// Beacon: a datagram a second to every other node, that says whether it is heard. A TCP stream over a link that is cut one
// way falls silent at both ends within a second, as nothing is acknowledged any more; a datagram tells who still hears whom.
//
// No port is opened for it: all send from where they listen, so that a node's own datagrams let in those of others as
// answers (connection tracking). Who sent one is known by its address, which the mesh's WireGuard vouches for.

import { createSocket, type RemoteInfo } from 'node:dgram';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { Clock } from '#internal/clock/clock.ts';
import { BeaconSchema } from '#internal/gen/pop44/v1/mesh_pb.ts';
import { messageOf } from '#internal/errors/errors.ts';
import type { Log } from '#internal/log/log.ts';
import type { Status } from '#internal/status/status.ts';

const beatMs = 1_000;
/** A node id and a flag; whatever is longer is none of ours. */
const longest = 128;

export interface BeaconParts {
  readonly nodeId: string;
  /** Own address on the mesh, and the port of the API. */
  readonly address: string;
  readonly port: number;
  /** Mesh addresses of the other nodes, by id. */
  readonly others: () => ReadonlyMap<string, { readonly address: string; readonly port: number }>;
  readonly status: Pick<Status, 'hears' | 'sighted'>;
  readonly clock: Clock;
  readonly log: Pick<Log, 'warn'>;
}

/** Sends and hears until the signal is aborted. A socket that fails is opened again with the next beat. */
export async function runBeacon(parts: BeaconParts, signal: AbortSignal): Promise<void> {
  const { nodeId: own, address, port, others, status, clock, log } = parts;
  const family = address.includes(':') ? 'udp6' : 'udp4';
  let socket: ReturnType<typeof createSocket> | undefined;
  let told = false;

  const heard = (bytes: Uint8Array, from: RemoteInfo): void => {
    if (bytes.length > longest) return;
    try {
      const { nodeId, hearsYou } = fromBinary(BeaconSchema, bytes);
      const sender = others().get(nodeId);
      if (sender?.address === from.address) status.sighted(nodeId, { at: clock.wall(), hearsUs: hearsYou });
    } catch {
      // No message of ours.
    }
  };
  const open = (): void => {
    const fresh = createSocket(family);
    fresh.on('message', heard);
    fresh.on('error', (cause) => {
      if (!told) log.warn('beacon-lost', { reason: messageOf(cause) });
      told = true;
      if (socket === fresh) socket = undefined;
      fresh.close();
    });
    fresh.bind(port, address, () => {
      told = false;
    });
    socket = fresh;
  };
  const send = (from: NonNullable<typeof socket>): void => {
    const hears = new Map(status.hears(clock.wall()).map((hearing) => [hearing.nodeId, hearing.heard]));
    for (const [id, { address: to, port: toPort }] of others()) {
      // A record may have none.
      if (toPort === 0) continue;
      const bytes = toBinary(BeaconSchema, create(BeaconSchema, { nodeId: own, hearsYou: hears.get(id) ?? false }));
      // One that cannot go out now is one that is lost.
      from.send(bytes, toPort, to, () => undefined);
    }
  };

  while (!signal.aborted) {
    if (socket === undefined) open();
    else send(socket);
    await clock.sleep(beatMs, signal).catch(() => undefined);
  }
  const last = socket;
  socket = undefined;
  last?.close();
}
