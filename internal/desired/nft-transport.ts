// The nftables table of the transport namespace.

import { meshLink } from '#internal/dataplane/ownership.ts';
import { chain } from './nft-text.ts';
import type { View } from './self.ts';

/** Ports of networks that let nothing else out: HTTP/3, DNS, NTP (IANA port numbers). */
const alternativePorts = [443, 53, 123];

export function transportTable(view: View): string {
  const { endpoint4, endpoint6, endpointPort } = view.pop;
  const ports = alternativePorts.filter((port) => port !== endpointPort).join(', ');
  return [
    chain(
      'alternative_ports',
      'type nat hook prerouting priority dstnat; policy accept;',
      ...(endpoint4 === '' ? [] : [`ip daddr ${endpoint4} udp dport { ${ports} } redirect to :${endpointPort}`]),
      ...(endpoint6 === '' ? [] : [`ip6 daddr ${endpoint6} udp dport { ${ports} } redirect to :${endpointPort}`]),
    ),
    // Management answers on the mesh alone: what else arrives for its address range is not from us.
    chain(
      'input',
      'type filter hook input priority filter; policy accept;',
      ...(view.node.meshAddress === ''
        ? []
        : [
            `iifname != { "lo", "${meshLink}" } ${view.node.meshAddress.includes(':') ? 'ip6' : 'ip'} daddr ${view.node.meshAddress} drop`,
          ]),
    ),
  ].join('\n');
}
