// Prefix: an address range that is a power of two, in canonical text `44.31.0.0/22`.

import {
  addressFrom,
  addressNumber,
  type Family,
  familyOf,
  type IpAddress,
  ipv4From,
  ipv4Number,
  parseAddress,
  type Unreadable,
} from './address.ts';
import { groupsHex, hasNoHost, newGroups, readGroups, sameStart } from './groups.ts';

declare const prefixBrand: unique symbol;
/** Canonical: no bits beyond its length, RFC 5952. Two equal prefixes are equal strings. */
export type Prefix = string & { readonly [prefixBrand]: true };

/** 32 or 128. */
export function addressBits(family: Family): number {
  return family === 4 ? 32 : 128;
}

/** Read into and looked at before anything else is read. */
const [groups, otherGroups] = [newGroups(), newGroups()];

/** Strict as parseAddress; the length is needed. Host bits are refused with the prefix they lie in. */
export function parsePrefix(text: string): Prefix | Unreadable {
  const slash = text.indexOf('/');
  const length = slash < 0 ? undefined : lengthAfter(text, slash);
  // What nearly every text is, without a string made of a part of it: each record of the store passes here.
  const first = ipv4Number(text, slash);
  if (first !== undefined && length !== undefined && length <= 32 && hostOf(first, length) === 0) return text as Prefix;
  const is6 = first === undefined && length !== undefined && length <= 128 && readGroups(text, slash, groups);
  if (is6 && hasNoHost(groups, length)) return text as Prefix;
  if (slash < 0 || text.includes('/', slash + 1)) {
    return { problem: 'is not a prefix', cure: 'like 44.31.0.0/22 or 2001:db8:44::/48' };
  }
  const address = parseAddress(text.slice(0, slash));
  if (typeof address !== 'string') return address;
  const family = familyOf(address);
  if (length === undefined || length > addressBits(family)) {
    return { problem: 'has no such length', cure: `/0 to /${addressBits(family)}` };
  }
  const right = prefixFrom(family, addressNumber(address), length);
  if (right === `${address}/${length}`) return right;
  return { problem: 'has host bits', cure: `the prefix is ${right}`, network: right };
}

const [zero, nine] = ['0', '9'].map((character) => character.charCodeAt(0)) as [number, number];

/** The decimal number after the slash: 1 to 3 digits, no leading zero. */
function lengthAfter(text: string, slash: number): number | undefined {
  const digits = text.length - slash - 1;
  if (digits < 1 || digits > 3) return undefined;
  let length = 0;
  for (let at = slash + 1; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code < zero || code > nine) return undefined;
    length = length * 10 + (code - zero);
  }
  return digits > 1 && length < 10 ** (digits - 1) ? undefined : length;
}

/** The bits beyond the length, unsigned. Shifts count modulo 32. */
function hostOf(address4: number, length: number): number {
  if (length === 0) return address4;
  return length === 32 ? 0 : (address4 << length) >>> length;
}

/** First address of an IPv4 prefix. IPv4 goes by plain numbers: BigInts cost ten times as much. */
const first4 = (prefix: Prefix): number => ipv4Number(prefix, prefix.indexOf('/')) ?? Number.NaN;

/** The prefix of this length that the address number lies in. */
export function prefixFrom(family: Family, number: bigint, length: number): Prefix {
  if (family === 4) {
    const value = Number(number);
    return `${ipv4From(value - hostOf(value, length))}/${length}` as Prefix;
  }
  const hostBits = BigInt(addressBits(family) - length);
  return `${addressFrom(family, (number >> hostBits) << hostBits)}/${length}` as Prefix;
}

/** @param hex first address in 8 (IPv4) or 32 (IPv6) digits; undefined when it is neither or has host bits. */
export function prefixFromHex(hex: string, length: number): Prefix | undefined {
  const family = hex.length === 8 ? 4 : 6;
  if (!/^([0-9a-f]{8}|[0-9a-f]{32})$/.test(hex)) return undefined;
  if (!Number.isInteger(length) || length < 0 || length > addressBits(family)) return undefined;
  const number = BigInt(`0x${hex}`);
  const prefix = prefixFrom(family, number, length);
  return firstNumber(prefix) === number ? prefix : undefined;
}

/** A prefix of one address. */
export function hostPrefix(address: IpAddress): Prefix {
  return `${address}/${addressBits(familyOf(address))}` as Prefix;
}

export function prefixLength(prefix: Prefix): number {
  return lengthAfter(prefix, prefix.indexOf('/')) ?? Number.NaN;
}

export function firstAddress(prefix: Prefix): IpAddress {
  return prefix.slice(0, prefix.indexOf('/')) as IpAddress;
}

export function firstNumber(prefix: Prefix): bigint {
  return addressNumber(firstAddress(prefix));
}

/** 8 or 32 lower-case digits: sorts as the numbers do. */
export function firstHex(prefix: Prefix): string {
  if (familyOf(prefix) === 4) return first4(prefix).toString(16).padStart(8, '0');
  if (readGroups(prefix, prefix.indexOf('/'), groups)) return groupsHex(groups);
  return firstNumber(prefix)
    .toString(16)
    .padStart(addressBits(familyOf(prefix)) / 4, '0');
}

/** A prefix contains itself; families never meet. */
export function contains(outer: Prefix, inner: Prefix): boolean {
  if (familyOf(outer) !== familyOf(inner)) return false;
  const length = prefixLength(outer);
  if (length > prefixLength(inner)) return false;
  if (familyOf(outer) === 4) {
    const inside = first4(inner);
    return inside - hostOf(inside, length) === first4(outer);
  }
  if (readGroups(outer, outer.indexOf('/'), groups) && readGroups(inner, inner.indexOf('/'), otherGroups))
    return sameStart(groups, otherGroups, length);
  const hostBits = BigInt(addressBits(familyOf(outer)) - length);
  return firstNumber(outer) >> hostBits === firstNumber(inner) >> hostBits;
}

/** Two prefixes overlap only when one contains the other. */
export function overlaps(a: Prefix, b: Prefix): boolean {
  return contains(a, b) || contains(b, a);
}

/** The prefix of this shorter (or equal) length around it. */
export function supernet(prefix: Prefix, length: number): Prefix {
  return prefixFrom(familyOf(prefix), firstNumber(prefix), length);
}

/** How many prefixes of this length it holds; 0n when the length is shorter than its own. */
export function subprefixCount(prefix: Prefix, length: number): bigint {
  const more = length - prefixLength(prefix);
  return more < 0 ? 0n : 1n << BigInt(more);
}

/** @param n from 0n to subprefixCount - 1n; beyond is a programming error. */
export function nthSubprefix(prefix: Prefix, length: number, n: bigint): Prefix {
  if (n < 0n || n >= subprefixCount(prefix, length)) throw new RangeError(`${prefix} has no /${length} number ${n}`);
  const family = familyOf(prefix);
  return prefixFrom(family, firstNumber(prefix) + (n << BigInt(addressBits(family) - length)), length);
}

/** Which of the outer's subprefixes of the inner's length the inner is. Wants contains(outer, inner). */
export function indexIn(outer: Prefix, inner: Prefix): bigint {
  return (firstNumber(inner) - firstNumber(outer)) >> BigInt(addressBits(familyOf(inner)) - prefixLength(inner));
}

/** IPv4 first, then by first address, then the shorter length: the order in which a person reads them. */
export function comparePrefixes(a: Prefix, b: Prefix): number {
  const families = familyOf(a) - familyOf(b);
  if (families !== 0) return families;
  const [first, second] = [firstNumber(a), firstNumber(b)];
  if (first !== second) return first < second ? -1 : 1;
  return prefixLength(a) - prefixLength(b);
}
