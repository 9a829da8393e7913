// Address: one IPv4 or IPv6 address in the only text that we keep.

import ipaddr from 'ipaddr.js';

export type Family = 4 | 6;

declare const addressBrand: unique symbol;
/** Canonical: four decimal octets, or RFC 5952. Two equal addresses are equal strings. */
export type IpAddress = string & { readonly [addressBrand]: true };

/** Why a text is not what it should be. `problem` follows the value in a sentence, `cure` ends it. */
export interface Unreadable {
  readonly problem: string;
  readonly cure: string;
  /** The text reads as a prefix but has bits beyond its length; this is the prefix that they lie in. */
  readonly network?: string;
}

const octet = 0x100;

/**
 * Strict: no leading zeros (octal to some readers), no short forms (`10.1`), no IPv4 inside IPv6, no zone,
 * no brackets. Any RFC 4291 spelling of an IPv6 address is taken and answered in its RFC 5952 text.
 */
export function parseAddress(text: string): IpAddress | Unreadable {
  if (!text.includes(':')) {
    if (ipv4Number(text) !== undefined) return text as IpAddress;
    return { problem: 'is not an IP address', cure: 'like 44.31.0.7 or 2001:db8::7' };
  }
  if (text.includes('%')) return { problem: 'has a zone', cure: 'an address without %zone' };
  // RFC 4291 2.5.5: embedded IPv4 has two spellings and two meanings; the IPv4 address itself has one.
  if (text.includes('.')) return { problem: 'has an IPv4 address inside', cure: 'write the IPv4 address itself' };
  const parsed = parseIpv6(text);
  if (parsed === undefined) return { problem: 'is not an IPv6 address', cure: 'like 2001:db8::7' };
  if (parsed.isIPv4MappedAddress()) {
    return { problem: 'is an IPv4-mapped address', cure: 'write the IPv4 address itself' };
  }
  return parsed.toRFC5952String() as IpAddress;
}

// The library's isValid is a parse of its own: asking first would double what every address costs.
function parseIpv6(text: string): ipaddr.IPv6 | undefined {
  try {
    return ipaddr.IPv6.parse(text);
  } catch {
    return undefined;
  }
}

const [zero, nine, dot] = ['0', '9', '.'].map((character) => character.charCodeAt(0)) as [number, number, number];

/**
 * Of four decimal octets without leading zeros, up to `end`; undefined of any other text. By hand: each allocation passes
 * here some thirty times on its way through three daemons, and the library's regular expressions were a tenth of it.
 */
export function ipv4Number(text: string, end = text.length): number | undefined {
  let number = 0;
  let part = 0;
  let digits = 0;
  let parts = 1;
  for (let at = 0; at < end; at += 1) {
    const code = text.charCodeAt(at);
    if (code === dot) {
      if (digits === 0) return undefined;
      number = number * octet + part;
      parts += 1;
      part = 0;
      digits = 0;
      continue;
    }
    if (code < zero || code > nine || (digits > 0 && part === 0)) return undefined;
    part = part * 10 + (code - zero);
    digits += 1;
    if (part >= octet) return undefined;
  }
  return parts === 4 && digits > 0 ? number * octet + part : undefined;
}

/** Of anything canonical, address or prefix. */
export function familyOf(canonical: string): Family {
  return canonical.includes(':') ? 6 : 4;
}

/** The address as an unsigned integer of 32 or 128 bits. */
export function addressNumber(address: IpAddress): bigint {
  if (familyOf(address) === 4) {
    return BigInt(ipv4Number(address) ?? Number.NaN);
  }
  const [before = '', after] = address.split('::');
  const left = groupsHex(before);
  const right = groupsHex(after ?? '');
  return BigInt(`0x${left}${'0'.repeat(32 - left.length - right.length)}${right}`);
}

// By hand, since the text is canonical already: a full parse is ten times as long, and every snapshot costs thousands.
function groupsHex(groups: string): string {
  return groups === '' ? '' : groups.split(':').reduce((hex, group) => hex + group.padStart(4, '0'), '');
}

/** @param number at least 0 and below 2 to the power of the family's bits; beyond is a programming error. */
export function addressFrom(family: Family, number: bigint): IpAddress {
  const bits = family === 4 ? 32 : 128;
  if (number < 0n || number >> BigInt(bits) !== 0n) throw new RangeError(`${number} is no IPv${family} address`);
  if (family === 4) return ipv4From(Number(number));
  const hex = number.toString(16).padStart(32, '0');
  const parts = Array.from({ length: 8 }, (_, index) => Number.parseInt(hex.slice(index * 4, index * 4 + 4), 16));
  return new ipaddr.IPv6(parts).toRFC5952String() as IpAddress;
}

/** @param value from 0 to 2^32 - 1 */
export function ipv4From(value: number): IpAddress {
  return `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}` as IpAddress;
}

// ipaddr.js's names of the ranges in which one machine cannot be addressed from another.
const notUnicast: ReadonlySet<string> = new Set(['unspecified', 'broadcast', 'multicast', 'linkLocal', 'loopback']);

/** A single machine can have this address and be reached at it through a router (public or private alike). */
export function isUnicast(address: IpAddress): boolean {
  if (familyOf(address) === 6) return !notUnicast.has(ipaddr.IPv6.parse(address).range());
  const first = Number(address.slice(0, address.indexOf('.')));
  // RFC 6890: 0.0.0.0/8 is "this network", 240.0.0.0/4 reserved.
  return first !== 0 && first < 240 && !notUnicast.has(ipaddr.IPv4.parse(address).range());
}
