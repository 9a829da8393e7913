// Source: who asks, as limits count: an IPv4 address or an IPv6 /64, which is what one customer has.

import { createHash } from 'node:crypto';

/** A listener of both families shows IPv4 in IPv6's clothes. */
export const plainAddress = (address: string): string => address.replace(/^::ffff:(?=[0-9.]+$)/i, '');

/** Empty: a socket of this machine. */
export function prefixOf(address: string): string {
  const plain = plainAddress(address);
  if (!plain.includes(':')) return plain;
  const [head = '', tail] = plain.split('%', 1)[0]?.split('::', 2) ?? [];
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros =
    tail === undefined ? [] : Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => '0');
  const groups = [...left, ...zeros, ...right].slice(0, 4);
  return `${groups.map((group) => Number.parseInt(group, 16).toString(16)).join(':')}::/64`;
}

/** What a page's form must bear: only who has got the cookie from us can say it, and it says nothing of the cookie. */
export const formToken = (cookie: string): string =>
  createHash('sha256').update(`pop44 form ${cookie}`).digest('base64url');
