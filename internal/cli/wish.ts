// Wish: which addresses somebody wants, as options of a command line.

import type { MessageInitShape } from '@bufbuild/protobuf';
import { type Command, InvalidArgumentError } from 'commander';
import type { WishSchema } from '#internal/gen/pop44/v1/allocations_pb.ts';
import { UsageError } from './io.ts';
import { count, prefixLength, several } from './parse.ts';

export type WishInit = MessageInitShape<typeof WishSchema>;
type Family = 4 | 6;
/** Any of a length, this prefix and no other, or nothing of the family. */
type What = { readonly length: number } | { readonly prefix: string } | 'none';

export interface WishOptions {
  readonly ipv4?: readonly What[];
  readonly ipv6?: readonly What[];
  readonly count?: number;
  readonly pool?: readonly string[];
}

/** @param unnamed what a family gets of which nothing is said while something is said of the other. */
export function withWishOptions(command: Command, unnamed: string): Command {
  return command
    .option('--ipv4 <what>', `/29, an address or prefix, or none; may be repeated (${unnamed})`, what(4))
    .option('--ipv6 <what>', '/56, a prefix, or none; may be repeated', what(6))
    .option('--count <count>', 'this many of each length, 16 prefixes in all at most', count)
    .option('--pool <pool>', 'pool to allocate from; may be repeated (default: one of each family)', several);
}

const familyOf = (text: string): Family => (text.includes(':') || text.startsWith('6-') ? 6 : 4);

function what(family: Family) {
  return (text: string, before: readonly What[] = []): readonly What[] => [...before, whatOf(family, text)];
}

function whatOf(family: Family, text: string): What {
  if (text === 'none') return text;
  if (text.startsWith('/')) return { length: prefixLength(text) };
  return { prefix: prefixOf(family, text) };
}

function prefixOf(family: Family, text: string): string {
  const cure = family === 4 ? '/29, 44.31.0.7, 44.31.0.8/29 or none.' : '/56, 2001:db8:44:7::/64 or none.';
  if (!/[.:]/.test(text) || familyOf(text) !== family) throw new InvalidArgumentError(cure);
  if (text.includes('/')) return text;
  if (family === 4) return wholePrefix(text);
  throw new InvalidArgumentError(`one address is ${text}/128; a network has another length, usually /64.`);
}

/** An IPv4 address alone is a prefix of one; what is none is the daemon's to refuse, as it was written. */
export function wholePrefix(text: string): string {
  return /^[0-9]+(\.[0-9]+){3}$/.test(text) ? `${text}/32` : text;
}

/**
 * The wishes in the order of the families; empty when nothing was said.
 *
 * @param unnamed whether a family of which nothing is said gets its usual prefix, while something is said of the other
 */
export function wishesOf(options: WishOptions, unnamed: 'usual' | 'nothing'): WishInit[] {
  const { ipv4, ipv6, count, pool = [] } = options;
  const named = { 4: ipv4, 6: ipv6 };
  const whats = [...(ipv4 ?? []), ...(ipv6 ?? [])];
  if (whats.length === 0 && count === undefined && pool.length === 0) return [];
  checkCount(whats, count);
  const isSilent = whats.every((each) => each === 'none');
  const wishes = ([4, 6] as const).flatMap((family): readonly WishInit[] => {
    const pools = pool.filter((each) => familyOf(each) === family);
    const wanted = named[family];
    if (wanted !== undefined) return namedWishes(family, wanted, pools, count);
    const counted = isSilent && count !== undefined ? { count } : {};
    if (pool.length > 0) return pools.map((each) => ({ family, pool: each, ...counted }));
    return isSilent || unnamed === 'usual' ? [{ family, ...counted }] : [];
  });
  if (wishes.length === 0) throw new UsageError('nothing is left to allocate');
  return wishes;
}

function checkCount(whats: readonly What[], count: number | undefined): void {
  const hasLength = whats.some((each) => typeof each === 'object' && 'length' in each);
  if (count === undefined || hasLength || whats.every((each) => each === 'none')) return;
  throw new UsageError('--count goes with a length: there is one of each prefix');
}

function namedWishes(
  family: Family,
  whats: readonly What[],
  pools: readonly string[],
  count: number | undefined,
): readonly WishInit[] {
  const option = `--ipv${family}`;
  if (whats.includes('none')) {
    if (whats.length === 1 && pools.length === 0) return [];
    throw new UsageError(`${option} none goes alone`);
  }
  if (pools.length > 1) throw new UsageError(`${option}: from which of the pools ${pools.join(', ')}?`);
  const [pool] = pools;
  const from = pool === undefined ? {} : { pool };
  return whats.flatMap((each): readonly WishInit[] => {
    if (each === 'none') return [];
    if ('prefix' in each) return [{ prefix: each.prefix, ...from }];
    return [{ family, length: each.length, ...(count === undefined ? {} : { count }), ...from }];
  });
}
