// Render: changes as text of the UAPI or arguments of wg(8), and the checks of every value that goes there.

import type { Link, Peer } from '#internal/dataplane/dataplane.ts';
import { demand, isEndpoint, isInteger, isKey, isOurLink, isPrefix } from '#internal/driver/driver.ts';
import type { StepOf } from '#internal/plan/step.ts';
import type { DeviceChange, PeerChange } from './backend.ts';

/** @throws Fault `invalid` */
export function checkLink(link: Link): void {
  demand(isOurLink(link.name), 'the name of an interface of ours', link.name);
  // RFC 8200 5: IPv6 needs 1280; 65535 is the largest IP packet.
  demand(isInteger(link.mtu, 1280, 65535), 'an MTU from 1280 to 65535', link.mtu);
  demand(isInteger(link.listenPort, 0, 65535), 'a port', link.listenPort);
  demand(isInteger(link.fwmark, 0, 0xffffffff), 'a packet mark', link.fwmark);
  demand(link.privateKeyFile.startsWith('/'), 'an absolute path', link.privateKeyFile);
}

/** @throws Fault `invalid` */
function checkPeer(peer: Peer): void {
  demand(isOurLink(peer.link), 'the name of an interface of ours', peer.link);
  demand(isKey(peer.publicKey), 'a WireGuard key', peer.publicKey);
  for (const prefix of peer.allowedIps) demand(isPrefix(prefix), 'a prefix', prefix);
  demand(isInteger(peer.keepaliveSeconds, 0, 65535), 'a keepalive from 0 to 65535 s', peer.keepaliveSeconds);
  if (peer.endpoint !== undefined) demand(isEndpoint(peer.endpoint), 'an endpoint', peer.endpoint);
}

/**
 * The change that a step asks for. An endpoint is written only where it is new: one that was not reported stands for
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
    allowedIps: want.allowedIps,
    keepaliveSeconds: want.keepaliveSeconds,
    ...(endpoint === undefined ? {} : { endpoint }),
  };
}

const base64ToHex = (base64: string): string => Buffer.from(base64, 'base64').toString('hex');

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
    lines.push('replace_allowed_ips=true');
    for (const prefix of change.allowedIps) lines.push(`allowed_ip=${prefix}`);
    // Before the keepalive, which may call at once.
    if (change.endpoint !== undefined) lines.push(`endpoint=${change.endpoint}`);
    lines.push(`persistent_keepalive_interval=${change.keepaliveSeconds}`);
  }
  return `${lines.join('\n')}\n\n`;
}

/** Arguments of `wg set`. */
export function wgDeviceArgs(name: string, change: DeviceChange): readonly string[] {
  return [
    'set',
    name,
    ...(change.privateKey === undefined ? [] : ['private-key', change.privateKey.file]),
    ...(change.fwmark === undefined ? [] : ['fwmark', String(change.fwmark)]),
    ...(change.listenPort === undefined ? [] : ['listen-port', String(change.listenPort)]),
  ];
}

export function wgPeersArgs(name: string, changes: readonly PeerChange[]): readonly string[] {
  const one = (change: PeerChange): readonly string[] =>
    change.op === 'remove'
      ? ['peer', change.publicKey, 'remove']
      : [
          'peer',
          change.publicKey,
          'allowed-ips',
          change.allowedIps.join(','),
          ...(change.endpoint === undefined ? [] : ['endpoint', change.endpoint]),
          'persistent-keepalive',
          String(change.keepaliveSeconds),
        ];
  return ['set', name, ...changes.flatMap(one)];
}
