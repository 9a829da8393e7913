// Community: the edge between a node of a MICRO PoP, which is a club's, and one of ours. In comes what is delegated to the
// club; out go the default route and pools as a whole. Nothing that it says or sends can be somebody else's (adr/0020).

import { type Node, PopKind } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { type Snapshot, standingPools } from '#internal/model/model.ts';
import { movesIgnored } from './moves.ts';
import type { Family } from './origin.ts';

export interface Community {
  /** Of this node at the edge (RFC 9234 3): the club is the customer. */
  readonly role: 'provider' | 'customer';
  /** Prefixes of the club, sorted: its delegations, and the loopbacks of the node at its end. */
  readonly delegated: readonly string[];
  readonly loopbacks: readonly string[];
}

/** Routes that are listened to across the edge: one for every site of a club that has hundreds. */
const mostRoutes = 1_000;
/** The longest that a site is: an address, and of IPv6 a network (RFC 4291 2.5.4). */
const longest = { 4: 32, 6: 64 } as const;

const isOf = (family: Family) => (prefix: string) => prefix.includes(':') === (family === 6);

/**
 * Undefined: both ends are of one trust, ours or one club's. Of two clubs, which command refuses, neither is told anything.
 * O(pools), for an edge.
 */
export function communityOf(snapshot: Snapshot, near: Node, far: Node): Community | undefined {
  const isClub = ({ popId }: Node): boolean => snapshot.pops.get(popId)?.record.kind === PopKind.MICRO;
  if (near.popId === far.popId || (!isClub(near) && !isClub(far))) return undefined;
  if (isClub(near) && isClub(far)) return { role: 'customer', delegated: [], loopbacks: [] };
  const club = isClub(far) ? far : near;
  const standing = standingPools(snapshot);
  const delegated = [...snapshot.pools.values()].flatMap(({ record: pool }) =>
    pool.parentPoolId !== '' && pool.homePopId === club.popId && pool.realmId === 'internet' && standing.has(pool.id)
      ? [pool.prefix]
      : [],
  );
  const loopbacks = [
    ...(club.loopback4 === '' ? [] : [`${club.loopback4}/32`]),
    ...(club.loopback6 === '' ? [] : [`${club.loopback6}/128`]),
  ];
  return { role: isClub(far) ? 'provider' : 'customer', delegated: delegated.sort(), loopbacks };
}

/** Whether a route is the club's, in BIRD's language. */
function ofClub({ delegated, loopbacks }: Community, family: Family): string {
  const sites = delegated.filter(isOf(family)).map((prefix) => {
    const length = prefix.slice(prefix.indexOf('/') + 1);
    return `${prefix}{${length},${Math.max(longest[family], Number(length))}}`;
  });
  const all = [...sites, ...loopbacks.filter(isOf(family))];
  return all.length === 0 ? 'false' : `net ~ [ ${all.join(', ')} ]`;
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

/** Sources that WireGuard lets in from the far end, where that is a club's: with its end of the link (RFC 8704). */
export const sourcesOf = (
  { role, delegated, loopbacks }: Community,
  { far4, far6 }: { readonly far4: string; readonly far6: string },
): readonly string[] =>
  role === 'customer' ? ['0.0.0.0/0', '::/0'] : [...delegated, ...loopbacks, `${far4}/32`, `${far6}/128`].sort();
