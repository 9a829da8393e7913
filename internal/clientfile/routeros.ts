// RouterOS: a script for /import, of RouterOS 7.

import { familyOf } from '#internal/netip/netip.ts';
import { type ReturnPath, type Rule, routingOf } from './return-path.ts';
import type { Checked } from './template.ts';

type Value = string | number;

/**
 * Everything that is made bears the device's name as its comment. Values stand in double quotes, in which no checked
 * part can mean anything. allowed-address makes no routes that can be relied on: they are said.
 */
export function routerOs(file: Checked, path: ReturnPath): string {
  const { device } = file;
  const { routes, rules, table } = routingOf(file, path);
  const add = (menu: string, values: Readonly<Record<string, Value>>): string =>
    `${menu} add ${Object.entries({ ...values, comment: device })
      .map(([key, value]) => `${key}=${typeof value === 'number' ? value : `"${value}"`}`)
      .join(' ')}`;
  const menu = (prefix: Parameters<typeof familyOf>[0]): string => (familyOf(prefix) === 6 ? '/ipv6' : '/ip');
  const lines = [
    `# pop44 tunnel ${file.tunnelId}`,
    `# 1. Copy this file to the router (Files, or scp) as ${device}.rsc.`,
    `# 2. In its terminal: /import file-name=${device}.rsc`,
    `# 3. See it: /interface/wireguard/peers print. Remove it: everything with the comment ${device}`,
    // Two interfaces may not share a port, and all would have 13231.
    add('/interface/wireguard', { name: device, mtu: file.mtu, 'listen-port': table, 'private-key': file.privateKey }),
    add('/interface/wireguard/peers', {
      interface: device,
      'public-key': file.peerPublicKey,
      ...(file.presharedKey === undefined ? {} : { 'preshared-key': file.presharedKey }),
      'endpoint-address': file.endpoint,
      'endpoint-port': file.port,
      'allowed-address': file.allowed.join(','),
      ...(file.keepalive === 0 ? {} : { 'persistent-keepalive': `${file.keepalive}s` }),
    }),
    ...file.addresses.map(({ family, text }) =>
      family === 6
        ? add('/ipv6/address', { address: text, interface: device, advertise: 'no' })
        : add('/ip/address', { address: text, interface: device }),
    ),
    // A flag has no value.
    `/routing/table add name="${device}" fib comment="${device}"`,
    ...routes.map((prefix) =>
      add(`${menu(prefix)}/route`, { 'dst-address': prefix, gateway: device, 'routing-table': device }),
    ),
    ...distinct(rules.map((rule) => add('/routing/rule', ruleValues(rule, device)))),
    ...(path === 'replies'
      ? []
      : distinct(file.addresses.map(({ network }) => `${menu(network)}/firewall/nat`)).map((nat) =>
          // What the network behind the router sends has other addresses than the tunnel carries.
          add(nat, { chain: 'srcnat', 'out-interface': device, action: 'masquerade' }),
        )),
  ];
  return `${lines.join('\n')}\n`;
}

/** Rules without an address are of both families there. */
const distinct = (lines: readonly string[]): readonly string[] => [...new Set(lines)];

const ruleValues = (rule: Rule, device: string): Readonly<Record<string, Value>> => ({
  ...(rule.from === undefined ? {} : { 'src-address': rule.from }),
  ...(rule.to === undefined ? {} : { 'dst-address': rule.to }),
  action: 'lookup',
  ...(rule.notDefault === true ? { 'min-prefix': 0 } : {}),
  table: rule.table === 'main' ? 'main' : device,
});
