// Addresses, policy rules, routes and kernel settings of a node, apart from single tunnels.

import { type MutableDataplane, type Netns, put } from '#internal/dataplane/dataplane.ts';
import { accessFwmark, blackholeTable, endpointTable, otherLinkTable } from '#internal/dataplane/ownership.ts';
import { endpointAddresses } from './endpoint.ts';
import type { View } from './self.ts';

/** Before `main` (32766, ip-rule(8)): the access interface's own packets leave with the endpoint as their source. */
const endpointRulePriority = 4400;
/**
 * After `main`, which in a pop namespace holds connected networks only: neighbours are found there first, everything
 * else in the realm's table.
 */
const realmRulePriority = 40000;

/** Before `main`: nothing else is asked for an address that is given up. */
const blackholeRulePriority = 4380;

/** After the choke's: what is shaped comes back from there, and has its way then. */
const otherLinkRulePriority = 4395;

const families = [4, 6] as const;

const popSysctls: Readonly<Record<string, string>> = {
  'net.ipv4.ip_forward': '1',
  'net.ipv6.conf.all.forwarding': '1',
  // Layer-4 hash: flows, not address pairs, spread over equal paths (ip-sysctl.rst).
  'net.ipv4.fib_multipath_hash_policy': '1',
  'net.ipv6.fib_multipath_hash_policy': '1',
  // Sources are checked by AllowedIPs and nftables; paths here are asymmetric by design (RFC 8704).
  'net.ipv4.conf.all.rp_filter': '0',
  'net.ipv4.conf.default.rp_filter': '0',
  // Flows that ended unseen leave the kernel's table: 2 h 4 min (RFC 5382 REQ-5) instead of 5 days. The table's size is the
  // machine's own, which no namespace but the first may set.
  'net.netfilter.nf_conntrack_tcp_timeout_established': '7440',
  // A tunnel that comes back meets its flows as it left them: what has passed elsewhere since is "out of window" to them. Only
  // resets must still be within (nf_conntrack-sysctl.rst).
  'net.netfilter.nf_conntrack_tcp_be_liberal': '1',
  // To sum up each packet's bytes is a seventh of what tracking costs (echoes of 1,200 bytes, adr/0053), and whoever it is for does so as well.
  'net.netfilter.nf_conntrack_checksum': '0',
  // An echo and its reply; new echoes start the flow again.
  'net.netfilter.nf_conntrack_icmp_timeout': '10',
  'net.netfilter.nf_conntrack_icmpv6_timeout': '10',
};
const transportSysctls: Readonly<Record<string, string>> = {
  'net.ipv4.conf.all.rp_filter': '0',
  'net.ipv4.conf.default.rp_filter': '0',
};

function sysctls(netns: Netns, values: Readonly<Record<string, string>>, into: MutableDataplane): void {
  for (const [name, value] of Object.entries(values)) put(into, 'sysctl', { netns, name, value });
}

export function ip(view: View, into: MutableDataplane): void {
  sysctls('pop', popSysctls, into);
  sysctls('transport', transportSysctls, into);
  const address = (netns: Netns, dev: string, cidr: string): void => put(into, 'address', { netns, dev, cidr });
  if (view.node.loopback4 !== '') address('pop', 'lo', `${view.node.loopback4}/32`);
  if (view.node.loopback6 !== '') address('pop', 'lo', `${view.node.loopback6}/128`);
  endpointAddresses(view.pop, into);
  for (const leg of view.legs) {
    address('pop', leg.link, `${leg.own4}/31`);
    address('pop', leg.link, `${leg.own6}/127`);
    if (leg.ospf) address('pop', leg.link, `${leg.linkLocal}/64`);
  }
  for (const family of families) {
    put(into, 'rule', {
      netns: 'transport',
      family,
      priority: endpointRulePriority,
      fwmark: accessFwmark,
      table: endpointTable,
    });
    put(into, 'rule', { netns: 'pop', family, priority: blackholeRulePriority, table: blackholeTable });
    put(into, 'rule', { netns: 'pop', family, priority: otherLinkRulePriority, table: otherLinkTable });
    put(into, 'rule', { netns: 'pop', family, priority: realmRulePriority, table: view.internet.table });
  }
  for (const prefix of view.blackholes)
    put(into, 'route', { netns: 'pop', table: blackholeTable, prefix, type: 'blackhole' });
  // The one covering route of a home slab: its tunnels need none of their own.
  for (const prefix of view.homes)
    put(into, 'route', { netns: 'pop', table: view.internet.table, prefix, type: 'unicast', dev: view.accessLinks[0] });
}
