// Client file readers: small parsers of the languages of client files, made from their documentation and not from what
// renders them. What is not of the language is a SyntaxError.

import type { Format } from '#internal/clientfile/clientfile.ts';

/** What a file says, in the same words for every language. */
export interface Said {
  readonly privateKey: string | undefined;
  readonly presharedKey: string | undefined;
  readonly addresses: readonly string[];
  readonly mtu: string | undefined;
  readonly peer: string | undefined;
  readonly endpoint: string;
  readonly allowed: readonly string[];
  readonly keepalive: string | undefined;
  readonly routes: readonly string[];
  /** `from 44.31.0.7/32`, `to 44.27.0.1/32 main`, `all main-not-default`, `all`; one of both families once. */
  readonly rules: readonly string[];
}

type Section = { readonly name: string; readonly entries: readonly (readonly [string, string])[] };

function must(holds: boolean, problem: string): void {
  if (!holds) throw new SyntaxError(problem);
}

/** systemd.syntax(7), and the key file format of GLib: sections, `key=value`, comments. */
function ini(text: string): readonly Section[] {
  const sections: { name: string; entries: [string, string][] }[] = [];
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const [, name] = /^\[([^[\]]+)\]$/.exec(line) ?? [];
    const [, left, right] = /^([A-Za-z0-9_-]+) ?= ?(.*)$/.exec(line) ?? [];
    if (name !== undefined) sections.push({ name, entries: [] });
    else if (left !== undefined && right !== undefined) sections.at(-1)?.entries.push([left, right]);
    else throw new SyntaxError(line);
  }
  return sections;
}
const every = (sections: readonly Section[], name: string, entry: string): readonly string[] =>
  sections
    .filter((section) => section.name === name)
    .flatMap(({ entries }) => entries.filter(([left]) => left === entry))
    .map(([, right]) => right);
const one = (sections: readonly Section[], name: string, entry: string): string | undefined =>
  every(sections, name, entry)[0];
const unique = <T>(list: readonly T[]): readonly T[] => [...new Set(list)];

function ofWgQuick(texts: readonly string[]): Said {
  const read = ini(texts[0] ?? '');
  return {
    privateKey: one(read, 'Interface', 'PrivateKey'),
    presharedKey: one(read, 'Peer', 'PresharedKey'),
    addresses: one(read, 'Interface', 'Address')?.split(', ') ?? [],
    mtu: one(read, 'Interface', 'MTU'),
    peer: one(read, 'Peer', 'PublicKey'),
    endpoint: one(read, 'Peer', 'Endpoint') ?? '',
    allowed: one(read, 'Peer', 'AllowedIPs')?.split(', ') ?? [],
    keepalive: one(read, 'Peer', 'PersistentKeepalive'),
    routes: [],
    rules: [],
  };
}

function ofNetworkd(texts: readonly string[]): Said {
  const [device, network] = texts.map(ini) as [readonly Section[], readonly Section[]];
  must(one(device, 'NetDev', 'Kind') === 'wireguard', 'the device is another kind');
  must(one(network, 'Match', 'Name') === one(device, 'NetDev', 'Name'), 'the files are of two devices');
  const tables = unique(every(network, 'Route', 'Table'));
  const rules = network.filter(({ name }) => name === 'RoutingPolicyRule').map(({ entries }) => new Map(entries));
  const byPriority = [...rules].sort((a, b) => Number(a.get('Priority')) - Number(b.get('Priority')));
  return {
    privateKey: one(device, 'WireGuard', 'PrivateKey'),
    presharedKey: one(device, 'WireGuardPeer', 'PresharedKey'),
    addresses: every(network, 'Network', 'Address'),
    mtu: one(device, 'NetDev', 'MTUBytes'),
    peer: one(device, 'WireGuardPeer', 'PublicKey'),
    endpoint: one(device, 'WireGuardPeer', 'Endpoint') ?? '',
    allowed: one(device, 'WireGuardPeer', 'AllowedIPs')?.split(', ') ?? [],
    keepalive: one(device, 'WireGuardPeer', 'PersistentKeepalive'),
    routes: every(network, 'Route', 'Destination'),
    rules: unique(
      byPriority.map((rule) =>
        ruleSaid([rule.get('From'), rule.get('To'), rule.get('Table'), rule.get('SuppressPrefixLength')], tables),
      ),
    ),
  };
}

/** `own`: the tables of the tunnel's routes, of which there is one. */
function ruleSaid([from, to, table, suppress]: readonly (string | undefined)[], own: readonly string[]): string {
  const what = [...(from === undefined ? [] : [`from ${from}`]), ...(to === undefined ? [] : [`to ${to}`])];
  // A tunnel without routes of a family has rules all the same.
  const where =
    table === 'main' || table === '254' ? ['main'] : own.every((each) => each === table) ? [] : ['elsewhere'];
  const said = [...(what.length === 0 ? ['all'] : what), ...where].join(' ');
  return suppress === '0' ? `${said}-not-default` : said;
}

function ofNetworkManager(texts: readonly string[]): Said {
  const read = ini(texts[0] ?? '');
  const peer = read.find(({ name }) => name.startsWith('wireguard-peer.'));
  const families = ['ipv4', 'ipv6'];
  const numbered = (pattern: RegExp): readonly string[] =>
    families.flatMap((name) =>
      read
        .filter((section) => section.name === name)
        .flatMap(({ entries }) => entries.filter(([left]) => pattern.test(left)).map(([, right]) => right)),
    );
  const own = unique(numbered(/^route\d+_options$/).map((text) => text.replace('table=', '')));
  const rules = numbered(/^routing-rule\d+$/).map((text) => {
    const words = text.split(' ');
    return new Map(words.flatMap((word, at) => (at % 2 === 0 ? [[word, words[at + 1] ?? ''] as const] : [])));
  });
  const anything = new Set(['0.0.0.0/0', '::/0']);
  const byPriority = [...rules].sort((a, b) => Number(a.get('priority')) - Number(b.get('priority')));
  return {
    privateKey: one(read, 'wireguard', 'private-key'),
    presharedKey: peer && one(read, peer.name, 'preshared-key'),
    addresses: numbered(/^address\d+$/),
    mtu: one(read, 'wireguard', 'mtu'),
    peer: peer?.name.replace('wireguard-peer.', ''),
    endpoint: (peer && one(read, peer.name, 'endpoint')) ?? '',
    allowed: ((peer && one(read, peer.name, 'allowed-ips')) ?? '').split(';').slice(0, -1),
    keepalive: peer && one(read, peer.name, 'persistent-keepalive'),
    routes: numbered(/^route\d+$/),
    rules: unique(
      byPriority.map((rule) => {
        const from = rule.get('from') ?? '';
        const source = anything.has(from) ? undefined : from;
        return ruleSaid([source, rule.get('to'), rule.get('table'), rule.get('suppress_prefixlength')], own);
      }),
    ),
  };
}

/** `uci batch`: commands of words, values in single quotes (uci's file.c: nothing escapes in them). */
function ofOpenWrt(texts: readonly string[]): Said {
  const types = new Map<string, string>();
  const lists = new Map<string, string[]>();
  const committed: string[] = [];
  for (const line of (texts[0] ?? '').split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const [, commit] = /^commit (network|firewall)$/.exec(line) ?? [];
    const [, verb, config, section, option, value] =
      /^(set|add_list) (network|firewall)\.([a-z0-9_]+)(?:\.([a-z0-9_]+))?='([^']*)'$/.exec(line) ?? [];
    if (commit !== undefined) committed.push(commit);
    else if (verb === 'set' && option === undefined) types.set(`${config}.${section}`, value ?? '');
    else if (verb !== undefined && types.has(`${config}.${section}`)) {
      const at = `${config}.${section}.${option}`;
      lists.set(at, verb === 'set' ? [value ?? ''] : [...(lists.get(at) ?? []), value ?? '']);
    } else throw new SyntaxError(line);
  }
  must(committed.join(' ') === 'network firewall', 'something is not committed');
  const named = (type: RegExp): readonly string[] => [...types].filter(([, of]) => type.test(of)).map(([name]) => name);
  const value = (section: string | undefined, option: string) => lists.get(`${section}.${option}`)?.[0];
  const [device] = named(/^interface$/);
  const [peer] = named(/^wireguard_/);
  must(types.get(peer ?? '') === `wireguard_${device?.replace('network.', '')}`, 'the peer is of another interface');
  must(value(peer, 'route_allowed_ips') === '0', 'netifd would make routes of its own');
  // fw3 refuses longer names of zones.
  must((value(named(/^zone$/)[0], 'name') ?? '').length <= 11, 'the name of the zone is too long');
  const host = value(peer, 'endpoint_host') ?? '';
  const routes = named(/^route6?$/);
  const own = unique(routes.map((route) => value(route, 'table') ?? ''));
  const rules = named(/^rule6?$/).filter((name) => name.startsWith('network.'));
  const byPriority = [...rules].sort((a, b) => Number(value(a, 'priority')) - Number(value(b, 'priority')));
  return {
    privateKey: value(device, 'private_key'),
    presharedKey: value(peer, 'preshared_key'),
    addresses: lists.get(`${device}.addresses`) ?? [],
    mtu: value(device, 'mtu'),
    peer: value(peer, 'public_key'),
    endpoint: `${host.includes(':') ? `[${host}]` : host}:${value(peer, 'endpoint_port')}`,
    allowed: lists.get(`${peer}.allowed_ips`) ?? [],
    keepalive: value(peer, 'persistent_keepalive'),
    routes: routes.map((route) => value(route, 'target') ?? ''),
    rules: unique(
      byPriority.map((rule) =>
        ruleSaid(
          [value(rule, 'src'), value(rule, 'dest'), value(rule, 'lookup'), value(rule, 'suppress_prefixlength')],
          own,
        ),
      ),
    ),
  };
}

/** RouterOS scripts: `/menu add name=value ...`; in double quotes \ " $ would mean something, and are refused here. */
function ofRouterOs(texts: readonly string[]): Said {
  const added: { menu: string; values: ReadonlyMap<string, string> }[] = [];
  for (const line of (texts[0] ?? '').split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const [, menu = '', rest = ''] =
      /^(\/[a-z0-9/]+) add ((?:[a-z0-9-]+(?:=(?:"[^"\\$]*"|[0-9]+))?(?: |$))+)$/.exec(line) ?? [];
    if (menu === '') throw new SyntaxError(line);
    const values = [...rest.matchAll(/([a-z0-9-]+)(?:=(?:"([^"]*)"|([0-9]+)))?/g)];
    added.push({ menu, values: new Map(values.map(([, name = '', quoted, bare]) => [name, quoted ?? bare ?? 'yes'])) });
  }
  const of = (menu: string) => added.filter((each) => each.menu === menu).map(({ values }) => values);
  const [device] = of('/interface/wireguard');
  const [peer] = of('/interface/wireguard/peers');
  const name = device?.get('name') ?? '';
  must(
    added.every(({ values }) => values.get('comment') === name),
    'something lacks the comment',
  );
  must(
    of('/routing/table').every((table) => table.get('name') === name),
    'the table is another',
  );
  const routes = [...of('/ip/route'), ...of('/ipv6/route')];
  must(
    routes.every((route) => route.get('gateway') === name && route.get('routing-table') === name),
    'a route is of another table',
  );
  const host = peer?.get('endpoint-address') ?? '';
  return {
    privateKey: device?.get('private-key'),
    presharedKey: peer?.get('preshared-key'),
    addresses: [...of('/ip/address'), ...of('/ipv6/address')].map((each) => each.get('address') ?? ''),
    mtu: device?.get('mtu'),
    peer: peer?.get('public-key'),
    endpoint: `${host.includes(':') ? `[${host}]` : host}:${peer?.get('endpoint-port')}`,
    allowed: peer?.get('allowed-address')?.split(',') ?? [],
    keepalive: peer?.get('persistent-keepalive')?.replace('s', ''),
    routes: routes.map((route) => route.get('dst-address') ?? ''),
    rules: of('/routing/rule').map((rule) =>
      ruleSaid([rule.get('src-address'), rule.get('dst-address'), rule.get('table'), rule.get('min-prefix')], [name]),
    ),
  };
}

export const clientFileReaders: Readonly<Record<Format, (texts: readonly string[]) => Said>> = {
  'wg-quick': ofWgQuick,
  networkmanager: ofNetworkManager,
  networkd: ofNetworkd,
  openwrt: ofOpenWrt,
  routeros: ofRouterOs,
};
