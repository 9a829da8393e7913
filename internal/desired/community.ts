// Community: the edge between a node of a MICRO PoP, which is a club's, and one of ours. In comes what is delegated to the
// club; out go the default route and pools as a whole. Nothing that it says or sends can be somebody else's (adr/0020).

import { type Node, PopKind } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { type Snapshot, standingPools } from '#internal/model/model.ts';
import { contains, nthSubprefix, type Prefix, prefixLength } from '#internal/netip/netip.ts';
import { movesIgnored } from './moves.ts';
import type { Family } from './origin.ts';

/** What is delegated to a club, but for what is delegated out of it to another PoP. */
interface Site {
  readonly prefix: Prefix;
  readonly without: readonly Prefix[];
}

export interface Community {
  /** Of this node at the edge (RFC 9234 3): the club is the customer. */
  readonly role: 'provider' | 'customer';
  /** Its delegations, sorted, and the loopbacks of the node at its end. */
  readonly delegated: readonly Site[];
  readonly loopbacks: readonly string[];
}

/** Routes that are listened to across the edge: one for every site of a club that has hundreds. */
const mostRoutes = 1_000;
/** The longest that a site is: an address, and of IPv6 a network (RFC 4291 2.5.4). */
const longest = { 4: 32, 6: 64 } as const;

const isOf = (family: Family) => (prefix: string) => prefix.includes(':') === (family === 6);

/**
 * Undefined: both ends are of one trust, ours or one club's. Of two clubs, which command refuses, neither is told anything.
 * O(pools) for each that is delegated to the club.
 */
export function communityOf(snapshot: Snapshot, near: Node, far: Node): Community | undefined {
  const isClub = ({ popId }: Node): boolean => snapshot.pops.get(popId)?.record.kind === PopKind.MICRO;
  if (near.popId === far.popId || (!isClub(near) && !isClub(far))) return undefined;
  if (isClub(near) && isClub(far)) return { role: 'customer', delegated: [], loopbacks: [] };
  const club = isClub(far) ? far : near;
  const delegations = [...standingPools(snapshot)].flatMap(([id, prefix]) => {
    const pool = snapshot.pools.get(id)?.record;
    if (pool === undefined || pool.parentPoolId === '' || pool.realmId !== 'internet') return [];
    return [{ id, prefix, parentPoolId: pool.parentPoolId, isOfClub: pool.homePopId === club.popId }];
  });
  const delegated = delegations
    .filter(({ isOfClub }) => isOfClub)
    .map(({ id, prefix }) => ({
      prefix,
      without: delegations.flatMap((of) => (of.parentPoolId === id && !of.isOfClub ? [of.prefix] : [])).sort(),
    }));
  const loopbacks = [
    ...(club.loopback4 === '' ? [] : [`${club.loopback4}/32`]),
    ...(club.loopback6 === '' ? [] : [`${club.loopback6}/128`]),
  ];
  return {
    role: isClub(far) ? 'provider' : 'customer',
    delegated: delegated.sort((x, y) => (x.prefix < y.prefix ? -1 : 1)),
    loopbacks,
  };
}

/** Whether a route is the club's, in BIRD's language. */
function ofClub({ delegated, loopbacks }: Community, family: Family): string {
  const withLonger = (prefix: Prefix): string => {
    const length = prefixLength(prefix);
    return `${prefix}{${length},${Math.max(longest[family], length)}}`;
  };
  const sites = delegated.filter(({ prefix }) => isOf(family)(prefix));
  const whole = sites.flatMap(({ prefix, without }) => (without.length === 0 ? [withLonger(prefix)] : []));
  const all = [...whole, ...loopbacks.filter(isOf(family))];
  const terms = [
    ...(all.length === 0 ? [] : [`net ~ [ ${all.join(', ')} ]`]),
    ...sites.flatMap(({ prefix, without }) => {
      if (without.length === 0) return [];
      return [`(net ~ [ ${withLonger(prefix)} ] && !(net ~ [ ${without.map(withLonger).join(', ')} ]))`];
    }),
  ];
  return terms.length === 0 ? 'false' : terms.join(' || ');
}

export interface Channel {
  /** Options of the session. */
  readonly roles: string;
  readonly limit: number;
  /** Which routes it takes from the neighbour and tells it, in BIRD's language. */
  readonly takes: string;
  readonly tells: string;
  /** What it does with the moves of tunnels that such routes bear (moves.ts). */
  readonly moves: string;
}

export function communityChannel(community: Community, family: Family): Channel {
  const club = ofClub(community, family);
  const whole = `net = ${family === 4 ? '0.0.0.0/0' : '::/0'} || p44_is_pool${family}()`;
  const [takes, tells] = community.role === 'provider' ? [club, whole] : [whole, club];
  return {
    roles: ` local role ${community.role}; require roles;`,
    limit: mostRoutes,
    takes,
    tells,
    moves: movesIgnored,
  };
}

/** What is left of a site, in as few prefixes as that takes. */
function rest({ prefix, without }: Site): readonly Prefix[] {
  const inside = without.filter((hole) => contains(prefix, hole));
  if (inside.length === 0) return [prefix];
  if (inside.some((hole) => hole === prefix)) return [];
  return [0n, 1n].flatMap((half) =>
    rest({ prefix: nthSubprefix(prefix, prefixLength(prefix) + 1, half), without: inside }),
  );
}

/** Sources that WireGuard lets in from the far end, where that is a club's: with its end of the link (RFC 8704). */
export const sourcesOf = (
  { role, delegated, loopbacks }: Community,
  { far4, far6 }: { readonly far4: string; readonly far6: string },
): readonly string[] =>
  role === 'customer'
    ? ['0.0.0.0/0', '::/0']
    : [...delegated.flatMap(rest), ...loopbacks, `${far4}/32`, `${far6}/128`].sort();
