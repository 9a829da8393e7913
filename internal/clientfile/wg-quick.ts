// wg-quick: the format of wg-quick(8), which most other importers read too.

import { Fault } from '#internal/errors/errors.ts';
import type { IpAddress, Prefix, Unreadable } from '#internal/netip/netip.ts';
import {
  contains,
  endpointAt,
  familyOf,
  hostPrefix,
  parseAddress,
  parsePrefix,
  parseWgKey,
} from '#internal/netip/netip.ts';

/** Everything that stands in a file; texts as a daemon sent them. */
export interface ClientFile {
  readonly tunnelId: string;
  readonly tunnelName: string;
  /** 44 characters of base64. */
  readonly privateKey: string;
  /** 44 characters of base64; absent: none. */
  readonly presharedKey?: string;
  /** Addresses with the length of what they lie in: `44.31.0.7/32`, `2001:db8:44:7::1/64`. */
  readonly addresses: readonly string[];
  readonly mtu: number;
  readonly peerPublicKey: string;
  readonly endpointAddress: string;
  readonly endpointPort: number;
  readonly allowedIps: readonly string[];
  /** 0: off. */
  readonly keepaliveSeconds: number;
}

// wg-quick(8): the file's name without .conf is the interface's; IFNAMSIZ leaves 15 characters.
const interfaceName = /^[a-zA-Z0-9_=+.-]{1,15}$/;

export function isInterfaceName(name: string): boolean {
  return interfaceName.test(name);
}

/**
 * A daemon could send anything, and a line break in a field would be a line of the file (wg-quick runs PostUp as
 * root): whatever is not exactly of its kind is a Fault `bad-template`.
 */
export function wgQuick(file: ClientFile): string {
  const endpoint = checked('endpoint', file.endpointAddress, parseAddress(file.endpointAddress));
  const allowed = file.allowedIps.map((text) => checked('allowed address', text, parsePrefix(text)));
  const lines = [
    `# pop44 tunnel ${word(file.tunnelName)} (${word(file.tunnelId)})`,
    ...endpointNote(endpoint, allowed),
    '[Interface]',
    `PrivateKey = ${secretKey('private', file.privateKey)}`,
    `Address = ${file.addresses.map(interfaceAddress).join(', ')}`,
    `MTU = ${whole('MTU', file.mtu, 1280, 9000)}`,
    '',
    '[Peer]',
    `PublicKey = ${checked('public key', file.peerPublicKey, parseWgKey(file.peerPublicKey))}`,
    ...(file.presharedKey === undefined ? [] : [`PresharedKey = ${secretKey('pre-shared', file.presharedKey)}`]),
    `Endpoint = ${endpointAt(endpoint, whole('port', file.endpointPort, 1, 65_535))}`,
    `AllowedIPs = ${allowed.join(', ')}`,
  ];
  const keepalive = whole('keepalive', file.keepaliveSeconds, 0, 65_535);
  if (keepalive > 0) lines.push(`PersistentKeepalive = ${keepalive}`);
  return `${lines.join('\n')}\n`;
}

/** Why an endpoint inside the tunnelled space is reached all the same. */
function endpointNote(endpoint: IpAddress, allowed: readonly Prefix[]): string[] {
  const around = allowed.filter((prefix) => contains(prefix, hostPrefix(endpoint)));
  if (around.length === 0) return [];
  if (around.some((prefix) => prefix.endsWith('/0'))) {
    return [
      `# The endpoint lies inside AllowedIPs. wg-quick marks WireGuard's own packets and lets them past the tunnel,`,
      '# because AllowedIPs holds a default route; keep it, or give the endpoint a host route of its own.',
    ];
  }
  throw bad('allowed address', around.join(', '), `holds the endpoint ${endpoint} and no default route`);
}

function bad(what: string, text: string, problem: string): Fault {
  return new Fault('bad-template', `the daemon's template has a ${what} that ${problem}: ${JSON.stringify(text)}`);
}

function checked<T extends string>(what: string, text: string, parsed: T | Unreadable): T {
  if (typeof parsed !== 'string') throw bad(what, text, parsed.problem);
  return parsed;
}

function interfaceAddress(text: string): string {
  const [address = '', length = '', ...more] = text.split('/');
  const parsed = checked('address', text, parseAddress(address));
  const longest = familyOf(parsed) === 4 ? 32 : 128;
  if (more.length > 0 || !/^[0-9]{1,3}$/.test(length) || Number(length) > longest) {
    throw bad('address', text, 'is not an address with a length');
  }
  return `${parsed}/${Number(length)}`;
}

function word(text: string): string {
  if (!/^[A-Za-z0-9._-]{1,64}$/.test(text)) throw bad('name', text, 'is not a name');
  return text;
}

function whole(what: string, value: number, low: number, high: number): number {
  if (!Number.isInteger(value) || value < low || value > high) {
    throw bad(what, String(value), `is not from ${low} to ${high}`);
  }
  return value;
}

function secretKey(kind: string, text: string): string {
  // Not shown in the fault: it is a secret.
  if (!/^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/.test(text)) {
    throw new Fault('bad-key', `the ${kind} key is not 44 characters of base64 for 32 bytes`);
  }
  return text;
}
