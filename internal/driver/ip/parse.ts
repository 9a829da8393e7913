// Parse: the JSON of ip(8) and the lines of sysctl(8), as values.

import type { Address, Netns, Route, Rule, Sysctl, Wire } from '#internal/dataplane/dataplane.ts';
import { linkLocals, linkPrefix, ruleProtocol } from '#internal/dataplane/ownership.ts';
import { addressMetric, wireAddress } from './render.ts';

/** `ip -N`: numbers instead of names from /etc/iproute2, which a host may have changed. */
interface IpAddress {
  readonly local: string;
  readonly prefixlen: number;
  readonly scope: string;
  readonly metric?: number;
}
interface IpInterface {
  readonly ifname: string;
  readonly addr_info?: readonly IpAddress[];
}
interface IpRule {
  readonly priority: number;
  readonly src: string;
  readonly dst?: string;
  readonly iif?: string;
  readonly oif?: string;
  readonly fwmark?: string;
  readonly fwmask?: string;
  readonly table?: string;
  readonly protocol?: string;
}
interface IpRoute {
  readonly type?: string;
  readonly dst: string;
  readonly dev?: string;
  readonly gateway?: string;
  readonly via?: unknown;
  readonly nexthops?: unknown;
  readonly metric?: number;
  readonly table?: string;
}

/** RT_SCOPE_UNIVERSE, RTN_BLACKHOLE and RTN_UNREACHABLE of linux/rtnetlink.h. */
const globalScope = '0';
const blackholeType = '6';
const unreachableType = '7';
/** IP6_RT_PRIO_USER of net/ip6_route.h: what a route without a metric gets. */
const defaultMetric6 = 1024;
const mainTable = 254;

const parseList = <T>(json: string): readonly T[] =>
  // An empty list is printed as `[{}]` by some versions.
  (JSON.parse(json === '' ? '[]' : json) as readonly T[]).filter((item) => Object.keys(item as object).length > 0);

/** The kernel gives addresses of that scope of itself. */
const isLinkLocal = (address: string): boolean => (linkLocals as readonly string[]).includes(address);

export function parseAddresses(netns: Netns, json: string): readonly Address[] {
  return parseList<IpInterface>(json).flatMap(({ ifname, addr_info }) =>
    (addr_info ?? [])
      .filter(({ local, scope, metric }) =>
        ifname === 'lo'
          ? metric === addressMetric
          : ifname?.startsWith(linkPrefix) === true && (scope === globalScope || isLinkLocal(local)),
      )
      .map(({ local, prefixlen }) => ({ netns, dev: ifname, cidr: `${local}/${prefixlen}` })),
  );
}

/** A rule that asks for more than a mark is reported with table 0, which differs from any want. */
export function parseRules(netns: Netns, family: 4 | 6, json: string): readonly Rule[] {
  return parseList<IpRule>(json)
    .filter((rule) => rule.protocol === String(ruleProtocol))
    .map(({ priority, src, dst, iif, oif, fwmark, fwmask, table }) => ({
      netns,
      family,
      priority,
      ...(fwmark === undefined ? {} : { fwmark: Number(fwmark) }),
      table: src !== 'all' || (dst ?? iif ?? oif ?? fwmask) !== undefined ? 0 : Number(table ?? 0),
    }));
}

interface IpVeth {
  readonly ifname: string;
  readonly link?: string;
  readonly mtu: number;
  readonly flags: readonly string[];
  readonly address?: string;
}

/**
 * Our wires in the output of `ip -j link show type veth`. An end that is down, asks for neighbours or has an address of its
 * own is reported with MTU 0, which differs from any want.
 */
export function parseWires(netns: Netns, json: string): readonly Wire[] {
  const ends = new Map(parseList<IpVeth>(json).map((end) => [end.ifname, end]));
  return [...ends.values()].flatMap((end) => {
    const far = ends.get(end.link ?? '');
    // Each is found from both ends; the first by name stands for it.
    if (!end.ifname.startsWith(linkPrefix) || far === undefined || end.ifname > far.ifname) return [];
    const right = [end, far].every(
      ({ flags, address, mtu }) =>
        flags.includes('UP') && flags.includes('NOARP') && address === wireAddress && mtu === end.mtu,
    );
    return [{ netns, name: end.ifname, peer: far.ifname, mtu: right ? end.mtu : 0 }];
  });
}

const prefixOf = (dst: string, family: 4 | 6): string => {
  if (dst === 'default') return family === 4 ? '0.0.0.0/0' : '::/0';
  return dst.includes('/') ? dst : `${dst}/${family === 4 ? 32 : 128}`;
};

/** A route that leads elsewhere than ours do (several hops, another family's) is reported with device `(other)`. */
export function parseRoutes(netns: Netns, family: 4 | 6, json: string): readonly Route[] {
  return parseList<IpRoute>(json).map((route) => {
    const place = { netns, table: Number(route.table ?? mainTable), prefix: prefixOf(route.dst, family) };
    const metric = route.metric ?? (family === 6 ? defaultMetric6 : 0);
    const simple = (route.via ?? route.nexthops) === undefined;
    const plain = simple && metric === (family === 6 ? defaultMetric6 : 0);
    const told = plain ? {} : { metric };
    if (simple && route.type === unreachableType) return { ...place, type: 'unreachable', ...told };
    if (plain && route.type === blackholeType) return { ...place, type: 'blackhole' };
    const via = route.gateway === undefined ? {} : { via: route.gateway };
    if (!simple || route.type !== undefined) return { ...place, type: 'unicast', dev: '(other)', ...via };
    return { ...place, type: 'unicast', dev: route.dev ?? '(other)', ...via, ...told };
  });
}

/** The arrays that `ip -j -batch` prints, one a command. */
export function parseBatch(stdout: string): readonly string[] {
  return stdout.split('\n').filter((line) => line.startsWith('['));
}

/** `net.ipv4.ip_local_port_range = 32768\t60999`; white space inside a value is one space to us. */
export function parseSysctls(netns: Netns, stdout: string): readonly Sysctl[] {
  return stdout.split('\n').flatMap((line) => {
    const at = line.indexOf(' =');
    if (at < 0) return [];
    const value = line
      .slice(at + 2)
      .trim()
      .replaceAll(/\s+/g, ' ');
    return [{ netns, name: line.slice(0, at), value }];
  });
}

/** What became of the lines of `ip -force -batch`, by line number from 1: only failures are told. */
export function parseBatchErrors(stderr: string): ReadonlyMap<number, string> {
  const errors = new Map<number, string>();
  let words: string[] = [];
  for (const line of stderr.split('\n')) {
    const failed = /^Command failed -:(\d+)$/.exec(line);
    if (failed === null) {
      if (line !== '') words.push(line);
      continue;
    }
    errors.set(Number(failed[1]), words.join(' '));
    words = [];
  }
  return errors;
}
