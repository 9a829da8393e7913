// Parse: the JSON of ip(8), as values.

import type { Floating } from '#internal/dataplane/dataplane.ts';
import { endpointTable, linkPrefix } from '#internal/dataplane/ownership.ts';
import type { Place } from './announcer.ts';
import { addressMetric } from './render.ts';

interface IpInterface {
  readonly ifindex: number;
  readonly ifname: string;
  readonly flags?: readonly string[];
  /** Of the link layer, where the interface was asked for with it. */
  readonly address?: string;
  readonly addr_info?: readonly { readonly local: string; readonly metric?: number }[];
}
interface IpRoute {
  readonly type?: string;
  readonly dst: string;
  readonly dev?: string;
  readonly gateway?: string;
  readonly prefsrc?: string;
  readonly table?: string;
}
interface IpNeighbour {
  readonly state?: readonly string[];
}

/** An empty list is printed as `[{}]` by some versions. */
const parseList = <T>(json: string): readonly T[] =>
  (JSON.parse(json === '' ? '[]' : json) as readonly T[]).filter((item) => Object.keys(item as object).length > 0);

/** The arrays that `ip -j -batch` prints, one a command. */
export const parseBatch = (stdout: string): readonly string[] =>
  stdout.split('\n').filter((line) => line.startsWith('['));

export interface Standing {
  readonly address: string;
  readonly dev: string;
}

/** Addresses of ours on interfaces that are none of ours, in `ip address show`. */
export const parseStanding = (json: string): readonly Standing[] =>
  parseList<IpInterface>(json).flatMap(({ ifname, addr_info = [] }) =>
    ifname === 'lo' || ifname.startsWith(linkPrefix)
      ? []
      : addr_info.flatMap(({ local, metric }) => (metric === addressMetric ? [{ address: local, dev: ifname }] : [])),
  );

/** Interfaces by name, in `ip link show`. */
export const parsePlaces = (json: string): ReadonlyMap<string, Place> =>
  new Map(
    parseList<IpInterface>(json).map(({ ifname, ifindex, address = '' }) => [ifname, { index: ifindex, mac: address }]),
  );

/**
 * What stands of one family, as a want would have it; undefined: nothing does. What is more than an address with its route, or
 * less, is reported without a gateway, which nobody wants.
 * @param json routes of our number, `ip -N route show table all`
 */
export function parseFloating(family: 4 | 6, standing: readonly Standing[], json: string): Floating | undefined {
  const routes = parseList<IpRoute>(json).filter(({ table }) => table === String(endpointTable));
  const [first, second] = standing;
  if (first === undefined && routes.length === 0) return undefined;
  const [route, other] = routes;
  const right =
    second === undefined &&
    other === undefined &&
    route?.dst === 'default' &&
    route.dev === first?.dev &&
    route?.prefsrc === first?.address;
  return { family, address: first?.address ?? '', gateway: right ? (route?.gateway ?? '') : '' };
}

/** The interface on whose link an address is, by `ip route get`; undefined: on none. */
export function parseLinkOf(json: string): string | undefined {
  const [route] = parseList<IpRoute>(json);
  const direct = route !== undefined && route.type === undefined && route.gateway === undefined && route.dev !== 'lo';
  return direct ? route.dev : undefined;
}

/** Whether somebody is at the other end of the wire, in `ip link show dev`. */
export const parseCarrier = (json: string): boolean =>
  parseList<IpInterface>(json)[0]?.flags?.includes('LOWER_UP') === true;

/** `REACHABLE` and the like; empty: the kernel does not know the neighbour. */
export const parseState = (json: string): string => parseList<IpNeighbour>(json)[0]?.state?.[0] ?? '';
