// Plane: what a walk reads, of the plan and of the kernel alike.

import type { Dataplane, Kind, Kinds, Session, Way } from '#internal/dataplane/dataplane.ts';
import { blackholeTable, otherLinkTable, routeProtocol } from '#internal/dataplane/ownership.ts';
import { addressBits, hostPrefix, type IpAddress, prefixLength, supernet } from '#internal/netip/netip.ts';
import type { Scene } from './scene.ts';

export interface Plane {
  get<K extends Kind>(kind: K, key: string): Kinds[K] | undefined;
  /** Undefined: BGP decides, and no plan knows what it has learned. */
  readonly way: Way | undefined;
  /** Undefined: a plan, which knows of no session. */
  readonly sessions: readonly Session[] | undefined;
}

/** The whole prefix first, then shorter ones. */
const covering = (address: IpAddress) => {
  const host = hostPrefix(address);
  return Array.from({ length: prefixLength(host) + 1 }, (_, cut) => supernet(host, prefixLength(host) - cut));
};

function plannedWay(dataplane: Dataplane, { packet, table, elsewhere }: Scene): Way | undefined {
  const { to, family } = packet;
  const host = `${to}/${addressBits(family)}`;
  const nothing = { prefix: host, dev: '', via: '', by: String(routeProtocol) };
  if (dataplane.address.has(`pop lo ${host}`)) return { ...nothing, type: 'local', dev: 'lo' };
  if (dataplane.route.has(`pop ${blackholeTable} ${host}`)) return { ...nothing, type: 'blackhole' };
  // Its own route there, which BGP carries here, is more specific than the slab's.
  if (elsewhere !== undefined) return undefined;
  const found = (from: number) =>
    covering(to).flatMap((prefix) => dataplane.route.get(`pop ${from} ${prefix}`) ?? [])[0];
  const route = found(otherLinkTable) ?? found(table);
  return (
    route && {
      ...nothing,
      type: route.type,
      prefix: route.prefix,
      dev: route.dev ?? '',
      via: route.via ?? '',
    }
  );
}

/** A plan, and the keys that a walk over it has read. */
export function plannedPlane(dataplane: Dataplane, scene: Scene): Plane & { readonly read: Map<string, Asked> } {
  const read = new Map<string, Asked>();
  return {
    get: (kind, key) => {
      read.set(`${kind} ${key}`, [kind, key]);
      return dataplane[kind].get(key);
    },
    way: plannedWay(dataplane, scene),
    sessions: undefined,
    read,
  };
}

export type Asked = readonly [Kind, string];
