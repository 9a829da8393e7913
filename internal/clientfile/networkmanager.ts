// NetworkManager: a keyfile (nm-settings-keyfile(5)); routing-rule is of 1.18 and newer.

import { endpointAt, type Family, familyOf } from '#internal/netip/netip.ts';
import { everythingOf, type ReturnPath, type Routing, type Rule, routingOf } from './return-path.ts';
import type { Checked } from './template.ts';

// rtnetlink(7), RT_TABLE_MAIN: the names of ip(8) are none of NetworkManager's.
const mainTable = 254;

/** Peer routes and the automatic default route are off: both would go past our rules. */
export function networkManager(file: Checked, path: ReturnPath): string {
  const { device } = file;
  const routing = routingOf(file, path);
  const lines = [
    `# pop44 tunnel ${file.tunnelId}`,
    `# 1. sudo install -m 600 FILE /etc/NetworkManager/system-connections/${device}.nmconnection`,
    `# 2. sudo nmcli connection reload && sudo nmcli connection up ${device}`,
    `# 3. See it: nmcli connection show ${device}, sudo wg show ${device}. Remove it: nmcli connection delete ${device}`,
    '[connection]',
    `id=${device}`,
    'type=wireguard',
    `interface-name=${device}`,
    'autoconnect=true',
    '',
    '[wireguard]',
    `private-key=${file.privateKey}`,
    `mtu=${file.mtu}`,
    'peer-routes=false',
    'ip4-auto-default-route=0',
    'ip6-auto-default-route=0',
    '',
    `[wireguard-peer.${file.peerPublicKey}]`,
    `endpoint=${endpointAt(file.endpoint, file.port)}`,
    `allowed-ips=${file.allowed.map((prefix) => `${prefix};`).join('')}`,
    ...(file.keepalive === 0 ? [] : [`persistent-keepalive=${file.keepalive}`]),
    ...(file.presharedKey === undefined ? [] : [`preshared-key=${file.presharedKey}`, 'preshared-key-flags=0']),
    ...family(file, routing, 4),
    ...family(file, routing, 6),
  ];
  return `${lines.join('\n')}\n`;
}

function family(file: Checked, { routes, rules, table }: Routing, of: Family): readonly string[] {
  const addresses = file.addresses.filter((address) => address.family === of);
  if (addresses.length === 0) return ['', `[ipv${of}]`, 'method=disabled'];
  return [
    '',
    `[ipv${of}]`,
    'method=manual',
    ...addresses.map(({ text }, at) => `address${at + 1}=${text}`),
    ...routes
      .filter((prefix) => familyOf(prefix) === of)
      .flatMap((prefix, at) => [`route${at + 1}=${prefix}`, `route${at + 1}_options=table=${table}`]),
    ...rules.filter((rule) => rule.family === of).map((rule, at) => `routing-rule${at + 1}=${ruleText(rule)}`),
  ];
}

function ruleText(rule: Rule): string {
  const table = rule.table === 'main' ? mainTable : rule.table;
  return [
    `priority ${rule.priority}`,
    `from ${rule.from ?? everythingOf(rule.family)}`,
    ...(rule.to === undefined ? [] : [`to ${rule.to}`]),
    `table ${table}`,
    ...(rule.notDefault === true ? ['suppress_prefixlength 0'] : []),
  ].join(' ');
}
