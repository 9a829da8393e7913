// Render: changes as text of the UAPI or arguments of wg(8), and the checks of every value that goes there.

import type { Link, Peer } from '#internal/dataplane/dataplane.ts';
import { demand, isEndpoint, isInteger, isKey, isOurLink, isPrefix } from '#internal/driver/driver.ts';
import { Fault } from '#internal/errors/errors.ts';
import type { StepOf } from '#internal/plan/step.ts';
import type { DeviceChange, PeerChange } from './backend.ts';

/** @throws Fault `invalid` */
export function checkLink(link: Link): void {
  demand(isOurLink(link.name), 'the name of an interface of ours', link.name);
  // RFC 8200 5: IPv6 needs 1280; 65535 is the largest IP packet.
  demand(isInteger(link.mtu, 1280, 65535), 'an MTU from 1280 to 65535', link.mtu);
  demand(isInteger(link.listenPort, 0, 65535), 'a port', link.listenPort);
  demand(isInteger(link.fwmark, 0, 0xffffffff), 'a packet mark', link.fwmark);
  const { privateKeyFile, sealedPrivateKey } = link;
  if (privateKeyFile !== '') return demand(privateKeyFile.startsWith('/'), 'an absolute path', privateKeyFile);
  if (sealedPrivateKey !== undefined) return checkSealed(sealedPrivateKey);
  throw new Fault('sealed', `the private key of ${link.name} is not sealed to this node, and no file has it`);
}

/** Base64 of at most 1 KiB (age/frame.ts). What is wrong there may be a key in clear: it is not repeated. */
function checkSealed(text: string): void {
  if (!/^[A-Za-z0-9+/]{4,1368}={0,2}$/.test(text))
    throw new Fault('invalid', 'a sealed key is not base64 of an age file');
}

/** @throws Fault `invalid` */
function checkPeer(peer: Peer): void {
  demand(isOurLink(peer.link), 'the name of an interface of ours', peer.link);
  demand(isKey(peer.publicKey), 'a WireGuard key', peer.publicKey);
  for (const prefix of peer.allowedIps) demand(isPrefix(prefix), 'a prefix', prefix);
  demand(isInteger(peer.keepaliveSeconds, 0, 65535), 'a keepalive from 0 to 65535 s', peer.keepaliveSeconds);
  if (peer.sealedPresharedKey !== undefined) checkSealed(peer.sealedPresharedKey);
  if (peer.endpoint !== undefined) demand(isEndpoint(peer.endpoint), 'an endpoint', peer.endpoint);
}

/**
 * The change that a step asks for. To change a peer never makes one: it would have no pre-shared key, and may just have
 * been removed. An endpoint is written only where it is new: one that was not reported stands for
 * a peer that shook hands recently, wherever it roamed to.
 * @throws Fault `invalid`
 */
export function peerChange(step: StepOf<'peer'>): PeerChange {
  if (step.op === 'remove') {
    demand(isOurLink(step.found.link), 'the name of an interface of ours', step.found.link);
    demand(isKey(step.found.publicKey), 'a WireGuard key', step.found.publicKey);
    return { op: 'remove', publicKey: step.found.publicKey };
  }
  const { want } = step;
  checkPeer(want);
  const found = step.op === 'change' ? step.found.endpoint : '';
  const endpoint = found === undefined || found === want.endpoint ? undefined : want.endpoint;
  return {
    op: 'set',
    publicKey: want.publicKey,
    ...(step.op === 'change' ? { updateOnly: true } : {}),
    allowedIps: want.allowedIps,
    keepaliveSeconds: want.keepaliveSeconds,
    ...(endpoint === undefined ? {} : { endpoint }),
  };
}

/** The ciphertext whose key a step wants set; empty: no key any more; undefined: it stays as it is. */
export function presharedKeyWanted(step: StepOf<'peer'>): string | undefined {
  if (step.op === 'remove') return undefined;
  const wanted = step.want.sealedPresharedKey;
  const found = step.op === 'change' ? step.found.sealedPresharedKey : undefined;
  return wanted === found ? undefined : (wanted ?? '');
}

const base64ToHex = (base64: string): string => Buffer.from(base64, 'base64').toString('hex');

/** What stands for none (wireguard.com/xplatform). */
const noKey = '0'.repeat(64);

/** The mark before the port: setting the port opens the socket anew, and it should have its mark then. */
export function renderDevice(change: DeviceChange): string {
  const lines = ['set=1'];
  if (change.privateKey !== undefined) lines.push(`private_key=${base64ToHex(change.privateKey.base64)}`);
  if (change.fwmark !== undefined) lines.push(`fwmark=${change.fwmark}`);
  if (change.listenPort !== undefined) lines.push(`listen_port=${change.listenPort}`);
  return `${lines.join('\n')}\n\n`;
}

export function renderPeers(changes: readonly PeerChange[]): string {
  const lines = ['set=1'];
  for (const change of changes) {
    lines.push(`public_key=${base64ToHex(change.publicKey)}`);
    if (change.op === 'remove') {
      lines.push('remove=true');
      continue;
    }
    if (change.updateOnly === true) lines.push('update_only=true');
    if (change.presharedKey !== undefined) {
      lines.push(`preshared_key=${change.presharedKey === '' ? noKey : base64ToHex(change.presharedKey)}`);
    }
    lines.push('replace_allowed_ips=true');
    for (const prefix of change.allowedIps) lines.push(`allowed_ip=${prefix}`);
    // Before the keepalive, which may call at once.
    if (change.endpoint !== undefined) lines.push(`endpoint=${change.endpoint}`);
    lines.push(`persistent_keepalive_interval=${change.keepaliveSeconds}`);
  }
  return `${lines.join('\n')}\n\n`;
}

/** Arguments of `wg set`. `keyFile`: has the change's private key. */
export function wgDeviceArgs(name: string, change: DeviceChange, keyFile: string): readonly string[] {
  return [
    'set',
    name,
    ...(change.privateKey === undefined ? [] : ['private-key', keyFile]),
    ...(change.fwmark === undefined ? [] : ['fwmark', String(change.fwmark)]),
    ...(change.listenPort === undefined ? [] : ['listen-port', String(change.listenPort)]),
  ];
}

/** `keyFileOf`: gives the file that has a change's pre-shared key; an empty file takes the key away. */
export function wgPeersArgs(
  name: string,
  changes: readonly PeerChange[],
  keyFileOf: (presharedKey: string) => string,
): readonly string[] {
  const one = (change: PeerChange): readonly string[] =>
    change.op === 'remove'
      ? ['peer', change.publicKey, 'remove']
      : [
          'peer',
          change.publicKey,
          ...(change.presharedKey === undefined ? [] : ['preshared-key', keyFileOf(change.presharedKey)]),
          'allowed-ips',
          change.allowedIps.join(','),
          ...(change.endpoint === undefined ? [] : ['endpoint', change.endpoint]),
          'persistent-keepalive',
          String(change.keepaliveSeconds),
        ];
  return ['set', name, ...changes.flatMap(one)];
}
