// Pool map: a pool, or a block of it, as a grid of at most 256 equal parts, each with how much of it is held and by whom. Pure.

import type { Allocation } from '#internal/gen/pop44/v1/allocations_pb.ts';
import {
  contains,
  familyOf,
  indexIn,
  nthSubprefix,
  overlaps,
  type Prefix,
  parsePrefix,
  prefixLength,
  subprefixCount,
  supernet,
} from '#internal/netip/netip.ts';
import { html, type Html } from '../html.ts';

/** IPv4 is counted in addresses, IPv6 in /64 networks, as pools are. */
const leafLength = (prefix: Prefix): number => (familyOf(prefix) === 4 ? 32 : 64);
/** 256 parts. */
const mostBits = 8;
const columns = 16;

export interface Part {
  readonly prefix: Prefix;
  /** Addresses or /64 networks in it. */
  readonly size: bigint;
  readonly used: bigint;
  /** Released, and not free yet. */
  readonly waiting: bigint;
  /** Owners, in the order of their addresses. */
  readonly owners: readonly string[];
}

export interface Held {
  readonly prefix: Prefix;
  readonly allocation: Allocation;
}

/** What lies in the block, in the order of addresses as daemons list them. */
export const heldIn = (block: Prefix, allocations: readonly Allocation[]): readonly Held[] =>
  allocations.flatMap((allocation) => {
    const prefix = parsePrefix(allocation.prefix);
    return typeof prefix === 'string' && overlaps(block, prefix) ? [{ prefix, allocation }] : [];
  });

/** O(parts + held) */
export function partsOf(block: Prefix, held: readonly Held[]): readonly Part[] {
  const leaf = leafLength(block);
  const length = Math.max(prefixLength(block), Math.min(leaf, prefixLength(block) + mostBits));
  const count = Number(subprefixCount(block, length));
  const size = 1n << BigInt(Math.max(0, leaf - length));
  const parts = Array.from({ length: count }, (_, at) => ({
    prefix: nthSubprefix(block, length, BigInt(at)),
    ...{ size, used: 0n, waiting: 0n, owners: [] as string[] },
  }));
  for (const { prefix, allocation } of held) {
    // One that is larger than a part fills several; one that is longer than a leaf counts as one.
    const isLarge = prefixLength(prefix) < length;
    const whole = contains(prefix, block) ? block : prefix;
    const first = isLarge ? nthSubprefix(whole, length, 0n) : supernet(prefix, length);
    const at = Number(indexIn(block, first));
    const spans = isLarge ? Number(subprefixCount(whole, length)) : 1;
    const amount = isLarge ? size : subprefixCount(prefix, leaf) || 1n;
    for (const part of parts.slice(at, at + spans)) {
      if (allocation.quarantinedUntil === undefined) part.used += amount;
      else part.waiting += amount;
      if (!part.owners.includes(allocation.owner)) part.owners.push(allocation.owner);
    }
  }
  return parts;
}

/** `free`, `waiting`, or how full: `some`, `half`, `most`, `full`. */
export function fillOf({ size, used, waiting }: Part): string {
  if (used === 0n) return waiting === 0n ? 'free' : 'waiting';
  if (used >= size) return 'full';
  const share = Number((used * 1_000n) / size);
  return share < 250 ? 'some' : share < 750 ? 'half' : 'most';
}

const side = 20;

/**
 * The grid; parts that hold more than one address lead to a grid of their own. The table beside it says the same to who does
 * not see it.
 * @param nameOf an owner's, for people
 */
export function poolMap(
  parts: readonly Part[],
  pageOf: (block: Prefix) => string,
  nameOf: (owner: string) => string,
): Html {
  const cells = parts.map((part, at) => {
    const [x, y] = [(at % columns) * side, Math.floor(at / columns) * side];
    const { prefix, size, used, waiting, owners } = part;
    const who =
      owners.length === 0
        ? ''
        : `: ${owners.slice(0, 3).map(nameOf).join(', ')}${owners.length > 3 ? `, and ${owners.length - 3} more` : ''}`;
    const amount =
      used > 0n ? `${used} of ${size} used` : waiting > 0n ? `${waiting} of ${size} in quarantine` : 'free';
    const drawn = html`<rect class="${fillOf(part)}" x="${x + 1}" y="${y + 1}" width="${side - 2}" height="${side - 2}" rx="3"><title>${`${prefix}: ${amount}${who}`}</title></rect>`;
    return size > 1n ? html`<a href="${pageOf(prefix)}" tabindex="-1">${drawn}</a>` : drawn;
  });
  const rows = Math.ceil(parts.length / columns);
  return html`<svg class="addresses" viewBox="0 0 ${columns * side} ${rows * side}" aria-hidden="true">${cells}</svg>
<ul class="legend" aria-hidden="true">${['free', 'some', 'half', 'most', 'full', 'waiting'].map((fill) => html`<li><svg viewBox="0 0 20 20" class="addresses"><rect class="${fill}" x="1" y="1" width="18" height="18" rx="3"/></svg>${labels[fill]}</li>`)}</ul>`;
}

const labels: Readonly<Record<string, string>> = {
  free: 'free',
  some: 'up to a quarter',
  half: 'up to three quarters',
  most: 'nearly full',
  full: 'full',
  waiting: 'in quarantine',
};
