// Observe: devices as links and peers, and what their peers do.

import { emptyDataplane, type Link, type MutableDataplane, type Peer, put } from '#internal/dataplane/dataplane.ts';
import type { Backend, Device, DevicePeer } from './backend.ts';
import { privateKeyIn } from './key-file.ts';
import { hashOf, type Keyring } from './keyring.ts';
import type { Place, Places } from './places.ts';

export type Found = Pick<MutableDataplane, 'link' | 'peer'>;

export interface Telemetry {
  readonly publicKey: string;
  readonly endpoint?: string;
  /** Milliseconds since 1970; 0: never since the process lives. */
  readonly lastHandshakeMs: number;
  readonly rxBytes: number;
  readonly txBytes: number;
}

/** REJECT_AFTER_TIME (WireGuard paper, 6.1): a session lives no longer after its handshake. */
const sessionMs = 180_000;

/** Our key files by the key in them; one that cannot be read is left out. */
async function filesByKey(files: ReadonlySet<string>): Promise<ReadonlyMap<string, string>> {
  const byKey = new Map<string, string>();
  for (const file of files) {
    const key = await privateKeyIn(file).catch(() => undefined);
    if (key !== undefined) byKey.set(key, file);
  }
  return byKey;
}

interface Keys {
  readonly files: ReadonlyMap<string, string>;
  readonly keyring: Keyring;
}

/** A link that is down is reported with MTU 0, one with a foreign key with `(other)`: both differ from any want. */
const linkOf = (place: Place, device: Device, keys: Keys): Link => ({
  name: place.name,
  netns: place.netns,
  mtu: place.up ? place.mtu : 0,
  listenPort: device.listenPort,
  fwmark: device.fwmark,
  ...privateKeyOf(place.name, device.privateKey ?? '', keys),
});

/** A key that came sealed may be in a file too; what it came from last is what it is compared by. */
function privateKeyOf(
  link: string,
  key: string,
  { files, keyring }: Keys,
): Pick<Link, 'privateKeyFile' | 'sealedPrivateKey'> {
  const sealed = keyring.sealedOf(link, hashOf(Buffer.from(key, 'base64')));
  if (sealed !== undefined) return { privateKeyFile: '', sealedPrivateKey: sealed };
  return { privateKeyFile: files.get(key) ?? '(other)' };
}

/**
 * The endpoint is left out while a session lives, because then it is where the peer really is; `(none)` stands for a
 * peer without session and endpoint, which differs from any pinned one.
 */
const peerOf = (link: string, peer: DevicePeer, keyring: Keyring, nowMs: number): Peer => {
  const { publicKey, allowedIps, keepaliveSeconds, presharedKeyHash: keyHash } = peer;
  const known = keyHash === undefined ? undefined : (keyring.sealedOf(`${link} ${publicKey}`, keyHash) ?? '(other)');
  const sealed = known === undefined ? {} : { sealedPresharedKey: known };
  const found = { link, publicKey, allowedIps, keepaliveSeconds, ...sealed };
  return nowMs - peer.lastHandshakeMs < sessionMs ? found : { ...found, endpoint: peer.endpoint ?? '(none)' };
};

export async function observeAll(
  backend: Backend,
  places: Places,
  { keyFiles, keyring }: { readonly keyFiles: ReadonlySet<string>; readonly keyring: Keyring },
  nowMs: number,
): Promise<Found> {
  const found = emptyDataplane();
  const files = await filesByKey(keyFiles);
  for (const place of (await places.read()).values()) {
    const device = await backend.read(place.name, place.netns);
    if (device === undefined) continue;
    put(found, 'link', linkOf(place, device, { files, keyring }));
    for (const peer of device.peers) put(found, 'peer', peerOf(place.name, peer, keyring, nowMs));
  }
  return { link: found.link, peer: found.peer };
}

export async function telemetryOf(backend: Backend, places: Places, link: string): Promise<readonly Telemetry[]> {
  // Asked twice a second, mostly of a second access link that is not there: two processes each time would be a tenth of a core.
  const netns = places.known(link);
  const device = netns === undefined ? undefined : await backend.read(link, netns);
  return (device?.peers ?? []).map(({ publicKey, endpoint, lastHandshakeMs, rxBytes, txBytes }) => ({
    publicKey,
    ...(endpoint === undefined ? {} : { endpoint }),
    lastHandshakeMs,
    rxBytes,
    txBytes,
  }));
}
