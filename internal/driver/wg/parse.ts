// Parse: what WireGuard and ip(8) print, as values.

import { linkPrefix } from '#internal/dataplane/ownership.ts';
import { Fault } from '#internal/errors/errors.ts';
import type { Device, DevicePeer } from './backend.ts';
import { hashOf } from './keyring.ts';

export interface Interface {
  readonly name: string;
  readonly mtu: number;
  readonly up: boolean;
}

interface IpLink {
  readonly ifname: string;
  readonly mtu: number;
  readonly flags: readonly string[];
}

/** Our interfaces in the output of `ip -j link show`. */
export function parseInterfaces(json: string): readonly Interface[] {
  return (JSON.parse(json) as readonly IpLink[])
    .filter((link) => link.ifname?.startsWith(linkPrefix) === true)
    .map((link) => ({ name: link.ifname, mtu: link.mtu, up: link.flags.includes('UP') }));
}

const newline = 10;
const equals = 61;

const hexToBase64 = (hex: string): string => Buffer.from(hex, 'hex').toString('base64');

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const newPeer = (publicKey: string): Mutable<DevicePeer> & { allowedIps: string[] } => ({
  publicKey,
  lastHandshakeMs: 0,
  rxBytes: 0,
  txBytes: 0,
  keepaliveSeconds: 0,
  allowedIps: [],
});

/**
 * The answer to `get=1` (wireguard.com/xplatform, "Cross-platform Userspace Implementation").
 * Reads bytes, not strings: 10,000 peers are 3.8 MB in 110,000 lines, and a slice of a string would keep them all.
 */
export function parseUapi(answer: Buffer): Device {
  const device: Mutable<Device> & { peers: DevicePeer[] } = { listenPort: 0, fwmark: 0, peers: [] };
  let peer = newPeer('');
  for (let at = 0; at < answer.length; ) {
    let middle = at;
    while (answer[middle] !== equals && answer[middle] !== newline && middle < answer.length) middle += 1;
    let end = middle;
    while (answer[end] !== newline && end < answer.length) end += 1;
    const name = nameOf(answer, at, middle);
    const from = middle + 1;
    at = end + 1;
    if (name === undefined) continue;
    if (name === 'public_key') {
      peer = newPeer(hexToBase64(answer.toString('latin1', from, end)));
      device.peers.push(peer);
    } else if (name === 'allowed_ip') peer.allowedIps.push(answer.toString('latin1', from, end));
    else if (name === 'endpoint') peer.endpoint = answer.toString('latin1', from, end);
    else if (name === 'preshared_key') {
      const keyHash = presharedHash(answer, from, end);
      if (keyHash !== undefined) peer.presharedKeyHash = keyHash;
    } else if (name === 'private_key') device.privateKey = hexToBase64(answer.toString('latin1', from, end));
    else {
      const value = numberOf(answer, from, end);
      if (name === 'last_handshake_time_sec') peer.lastHandshakeMs += value * 1000;
      else if (name === 'last_handshake_time_nsec') peer.lastHandshakeMs += Math.floor(value / 1e6);
      else if (name === 'rx_bytes') peer.rxBytes = value;
      else if (name === 'tx_bytes') peer.txBytes = value;
      else if (name === 'persistent_keepalive_interval') peer.keepaliveSeconds = value;
      else if (name === 'listen_port') device.listenPort = value;
      else device.fwmark = value;
    }
  }
  for (const { allowedIps } of device.peers as (typeof peer)[]) if (allowedIps.length > 1) allowedIps.sort();
  return device;
}

const names = [
  'public_key',
  'allowed_ip',
  'endpoint',
  'private_key',
  'preshared_key',
  'last_handshake_time_sec',
  'last_handshake_time_nsec',
  'rx_bytes',
  'tx_bytes',
  'persistent_keepalive_interval',
  'listen_port',
  'fwmark',
] as const;
/** Length and first letter tell the names apart that we read; errno is in nobody's place. */
const nameAt = new Map(names.map((name) => [name.length * 256 + name.charCodeAt(0), name]));

const nameOf = (answer: Buffer, from: number, to: number): (typeof names)[number] | undefined =>
  nameAt.get((to - from) * 256 + (answer[from] ?? 0));

const zero = 48;

/** All zeros: none (whitepaper 5.2). Most peers have none: told without a string being made. */
function presharedHash(answer: Buffer, from: number, to: number): string | undefined {
  let at = from;
  while (at < to && answer[at] === zero) at += 1;
  return at === to ? undefined : hashOf(Buffer.from(answer.toString('latin1', from, to), 'hex'));
}

function numberOf(answer: Buffer, from: number, to: number): number {
  let value = 0;
  for (let at = from; at < to; at += 1) value = value * 10 + (answer[at] ?? 48) - 48;
  return value;
}

/** The last line of any answer is `errno=N`; 0: done. */
export function errnoOf(answer: Buffer): number {
  const found = /errno=(-?\d+)\n\n$/.exec(answer.toString('latin1', Math.max(answer.length - 32, 0)));
  if (found === null) throw new Fault('protocol', 'wireguard-go did not end its answer with errno');
  return Number(found[1]);
}

const none = (text: string): string | undefined => (text === '(none)' ? undefined : text);
const number = (text: string): number => (text === 'off' ? 0 : Number(text));

/** A slice of a string keeps the whole of it, and somebody may keep a peer's key as long as the peer lives. */
const ownCopy = (slice: string): string => Buffer.from(slice, 'latin1').toString('latin1');

/** `wg show <name> dump`, wg(8): tab-separated, the interface first, then a line a peer. */
export function parseDump(text: string): Device {
  const [head = '', ...lines] = text.split('\n').filter((line) => line !== '');
  const [privateKey = '(none)', , listenPort = '0', fwmark = 'off'] = head.split('\t');
  const peers = lines.map((line): DevicePeer => {
    const [
      publicKey = '',
      presharedKey = '(none)',
      endpoint = '(none)',
      allowedIps = '(none)',
      handshake = '0',
      rx = '0',
      tx = '0',
      keepalive = 'off',
    ] = line.split('\t');
    const at = none(endpoint);
    const preshared = none(presharedKey);
    return {
      publicKey: ownCopy(publicKey),
      ...(at === undefined ? {} : { endpoint: ownCopy(at) }),
      ...(preshared === undefined ? {} : { presharedKeyHash: hashOf(Buffer.from(preshared, 'base64')) }),
      lastHandshakeMs: number(handshake) * 1000,
      rxBytes: number(rx),
      txBytes: number(tx),
      keepaliveSeconds: number(keepalive),
      allowedIps: ownCopy(none(allowedIps) ?? '')
        .split(',')
        .filter((prefix) => prefix !== '')
        .sort(),
    };
  });
  const key = none(privateKey);
  return {
    ...(key === undefined ? {} : { privateKey: ownCopy(key) }),
    listenPort: number(listenPort),
    fwmark: number(fwmark),
    peers,
  };
}
