// Template: what a daemon sent and the keys that are here, checked once for all formats.

import { Fault } from '#internal/errors/errors.ts';
import type { Family, IpAddress, Prefix, Unreadable, WgKey } from '#internal/netip/netip.ts';
import {
  addressBits,
  addressNumber,
  familyOf,
  parseAddress,
  parsePrefix,
  parseWgKey,
  prefixFrom,
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

/** An address as an interface has it. */
export interface OwnAddress {
  readonly family: Family;
  /** `44.31.0.7/32`. */
  readonly text: string;
  /** What it lies in: packets from there are the tunnel's. */
  readonly network: Prefix;
}

/** The same, every part known to be of its kind: nothing in it can end a line or a quotation of any format. */
export interface Checked {
  readonly tunnelId: string;
  readonly tunnelName: string;
  /** Name of interface, routing table and sections: `p44_` and 7 characters of the id. */
  readonly device: string;
  readonly privateKey: string;
  readonly presharedKey: string | undefined;
  readonly addresses: readonly OwnAddress[];
  readonly mtu: number;
  readonly peerPublicKey: WgKey;
  readonly endpoint: IpAddress;
  readonly port: number;
  readonly allowed: readonly Prefix[];
  readonly keepalive: number;
}

/**
 * A daemon could send anything, and a line break in a field would be a line of the file (wg-quick runs PostUp as
 * root): whatever is not exactly of its kind is a Fault `bad-template`, or `bad-key`, which does not show the key.
 */
export function checkedFile(file: ClientFile): Checked {
  const tunnelId = word(file.tunnelId);
  return {
    tunnelId,
    tunnelName: word(file.tunnelName),
    device: deviceOf(tunnelId),
    privateKey: secretKey('private', file.privateKey),
    presharedKey: file.presharedKey === undefined ? undefined : secretKey('pre-shared', file.presharedKey),
    addresses: file.addresses.map(interfaceAddress),
    mtu: whole('MTU', file.mtu, 1280, 9000),
    peerPublicKey: checked('public key', file.peerPublicKey, parseWgKey(file.peerPublicKey)),
    endpoint: checked('endpoint', file.endpointAddress, parseAddress(file.endpointAddress)),
    port: whole('port', file.endpointPort, 1, 65_535),
    allowed: file.allowedIps.map((text) => checked('allowed address', text, parsePrefix(text))),
    keepalive: whole('keepalive', file.keepaliveSeconds, 0, 65_535),
  };
}

export function bad(what: string, text: string, problem: string): Fault {
  return new Fault('bad-template', `the daemon's template has a ${what} that ${problem}: ${JSON.stringify(text)}`);
}

function checked<T extends string>(what: string, text: string, parsed: T | Unreadable): T {
  if (typeof parsed !== 'string') throw bad(what, text, parsed.problem);
  return parsed;
}

function interfaceAddress(text: string): OwnAddress {
  const [address = '', length = '', ...more] = text.split('/');
  const parsed = checked('address', text, parseAddress(address));
  const family = familyOf(parsed);
  const bits = addressBits(family);
  if (more.length > 0 || !/^[0-9]{1,3}$/.test(length) || Number(length) > bits) {
    throw bad('address', text, 'is not an address with a length');
  }
  const shift = BigInt(bits - Number(length));
  const network = prefixFrom(family, (addressNumber(parsed) >> shift) << shift, Number(length));
  return { family, text: `${parsed}/${Number(length)}`, network };
}

function word(text: string): string {
  if (!/^[A-Za-z0-9._-]{1,64}$/.test(text)) throw bad('name', text, 'is not a name');
  return text;
}

// 11 characters in all: the most that a zone of OpenWrt's firewall may have (fw3, FW3_ZONE_MAXNAMELEN).
const shortIdLength = 7;

function deviceOf(tunnelId: string): string {
  const short = tunnelId
    .toLowerCase()
    .replaceAll(/[^a-z0-9]/g, '')
    .slice(0, shortIdLength);
  if (short === '') throw bad('name', tunnelId, 'has no letter and no digit');
  return `p44_${short}`;
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
