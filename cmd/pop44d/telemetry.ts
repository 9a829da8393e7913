// Telemetry: what the peers of both access interfaces do, under their keys in a dataplane.

import { accessLinks } from '#internal/dataplane/ownership.ts';
import type { WgDriver } from '#internal/driver/wg/wg.ts';

/** Of an interface that is not there, none. */
export async function accessTelemetry(wg: Pick<WgDriver, 'telemetry'>) {
  const links = accessLinks.map(async (link) => {
    const peers = await wg.telemetry(link);
    return peers.map((of) => ({ ...of, link, peer: `${link} ${of.publicKey}` }));
  });
  return (await Promise.all(links)).flat();
}

/** A handshake as the network half hears of it: the peer of a dataplane in its parts. */
export function handshakeOf([peer, atMs]: readonly [string, number]): readonly [string, number, string] {
  const [link = '', publicKey = ''] = peer.split(' ');
  return [publicKey, atMs, link];
}

/** Bytes that have come from peers, by public key, over both access interfaces; of one that is not there, none. */
export async function receivedFrom(
  wg: Pick<WgDriver, 'telemetry'>,
  peers: readonly string[],
): Promise<readonly (readonly [string, number])[]> {
  const asked = new Map<string, number>();
  const wanted = new Set(peers);
  for (const { publicKey, rxBytes } of await accessTelemetry(wg))
    if (wanted.has(publicKey)) asked.set(publicKey, (asked.get(publicKey) ?? 0) + rxBytes);
  return [...asked];
}
