// OpenWrt: lines for `uci batch`, of OpenWrt 21.02 and newer, and of GL.iNet's routers, which are OpenWrt.

import { familyOf } from '#internal/netip/netip.ts';
import { type ReturnPath, type Rule, routingOf } from './return-path.ts';
import type { Checked } from './template.ts';

/**
 * Values stand in single quotes, which no checked part can end. Sections have names of their own, so that they can be
 * taken away again. Nothing but ping comes in to the router: its pages are not for the internet.
 */
export function openWrt(file: Checked, path: ReturnPath): string {
  const { device } = file;
  const { routes, rules, table } = routingOf(file, path);
  const endpoint = file.endpoint;
  const lines = [
    `# pop44 tunnel ${file.tunnelId}`,
    '# 1. Have the packages: opkg update && opkg install wireguard-tools luci-proto-wireguard. Copy this file to the router.',
    '# 2. uci batch < FILE && service network reload && service firewall reload',
    `# 3. See it: wg show ${device}. Remove it: delete what is called ${device}... in /etc/config/network and /etc/config/firewall`,
    ...section('network', device, 'interface', {
      proto: 'wireguard',
      private_key: file.privateKey,
      mtu: String(file.mtu),
    }),
    ...file.addresses.map(({ text }) => `add_list network.${device}.addresses='${text}'`),
    ...section('network', `${device}_peer`, `wireguard_${device}`, {
      public_key: file.peerPublicKey,
      ...(file.presharedKey === undefined ? {} : { preshared_key: file.presharedKey }),
      endpoint_host: endpoint,
      endpoint_port: String(file.port),
      ...(file.keepalive === 0 ? {} : { persistent_keepalive: String(file.keepalive) }),
      route_allowed_ips: '0',
    }),
    ...file.allowed.map((prefix) => `add_list network.${device}_peer.allowed_ips='${prefix}'`),
    ...routes.flatMap((prefix, at) =>
      section('network', `${device}_route${at + 1}`, familyOf(prefix) === 6 ? 'route6' : 'route', {
        interface: device,
        target: prefix,
        table: String(table),
      }),
    ),
    ...rules.flatMap((rule, at) =>
      section('network', `${device}_rule${at + 1}`, rule.family === 6 ? 'rule6' : 'rule', ruleOptions(rule)),
    ),
    ...firewall(file, path),
    'commit network',
    'commit firewall',
  ];
  return `${lines.join('\n')}\n`;
}

function firewall({ device, addresses }: Checked, path: ReturnPath): readonly string[] {
  const hides = path === 'all';
  const has6 = addresses.some(({ family }) => family === 6);
  return [
    ...section('firewall', device, 'zone', {
      name: device,
      input: 'REJECT',
      output: 'ACCEPT',
      forward: 'REJECT',
      mtu_fix: '1',
      // What the network behind the router sends has other addresses than the tunnel carries.
      ...(hides ? { masq: '1' } : {}),
      ...(hides && has6 ? { masq6: '1' } : {}),
    }),
    `add_list firewall.${device}.network='${device}'`,
    ...section('firewall', `${device}_ping`, 'rule', {
      name: `${device}_ping`,
      src: device,
      proto: 'icmp',
      icmp_type: 'echo-request',
      target: 'ACCEPT',
    }),
    ...(hides ? section('firewall', `${device}_lan`, 'forwarding', { src: 'lan', dest: device }) : []),
  ];
}

function section(
  config: 'network' | 'firewall',
  name: string,
  type: string,
  options: Readonly<Record<string, string>>,
): readonly string[] {
  const at = `${config}.${name}`;
  return [`set ${at}='${type}'`, ...Object.entries(options).map(([key, value]) => `set ${at}.${key}='${value}'`)];
}

const ruleOptions = (rule: Rule): Readonly<Record<string, string>> => ({
  priority: String(rule.priority),
  ...(rule.from === undefined ? {} : { src: rule.from }),
  ...(rule.to === undefined ? {} : { dest: rule.to }),
  lookup: String(rule.table),
  ...(rule.notDefault === true ? { suppress_prefixlength: '0' } : {}),
});
