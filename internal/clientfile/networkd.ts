// networkd: the pair of files of systemd.netdev(5) and systemd.network(5), of systemd 248 and newer.

import { endpointAt } from '#internal/netip/netip.ts';
import { type ReturnPath, type Rule, routingOf } from './return-path.ts';
import type { Checked } from './template.ts';

/** The interface and its peer: holds the keys. */
export function networkdDevice(file: Checked): string {
  const { device } = file;
  const lines = [
    `# pop44 tunnel ${file.tunnelId}`,
    `# 1. sudo install -m 640 -g systemd-network FILE.netdev /etc/systemd/network/${device}.netdev`,
    `# 2. sudo install -m 644 FILE.network /etc/systemd/network/${device}.network && sudo networkctl reload`,
    `# 3. See it: networkctl status ${device}, sudo wg show ${device}. Remove it: both files, then sudo networkctl delete ${device}`,
    '[NetDev]',
    `Name=${device}`,
    'Kind=wireguard',
    `MTUBytes=${file.mtu}`,
    '',
    '[WireGuard]',
    `PrivateKey=${file.privateKey}`,
    '',
    '[WireGuardPeer]',
    `PublicKey=${file.peerPublicKey}`,
    ...(file.presharedKey === undefined ? [] : [`PresharedKey=${file.presharedKey}`]),
    `Endpoint=${endpointAt(file.endpoint, file.port)}`,
    `AllowedIPs=${file.allowed.join(', ')}`,
    ...(file.keepalive === 0 ? [] : [`PersistentKeepalive=${file.keepalive}`]),
  ];
  return `${lines.join('\n')}\n`;
}

/** Addresses, routes and rules. */
export function networkdNetwork(file: Checked, path: ReturnPath): string {
  const { routes, rules, table } = routingOf(file, path);
  const lines = [
    `# pop44 tunnel ${file.tunnelId}: goes beside the .netdev file, whose first lines tell how`,
    '[Match]',
    `Name=${file.device}`,
    '',
    '[Network]',
    ...file.addresses.map(({ text }) => `Address=${text}`),
    ...routes.flatMap((prefix) => ['', '[Route]', `Destination=${prefix}`, `Table=${table}`]),
    ...rules.flatMap((rule) => ['', '[RoutingPolicyRule]', ...ruleLines(rule)]),
  ];
  return `${lines.join('\n')}\n`;
}

const ruleLines = (rule: Rule): readonly string[] => [
  `Family=ipv${rule.family}`,
  `Priority=${rule.priority}`,
  ...(rule.from === undefined ? [] : [`From=${rule.from}`]),
  ...(rule.to === undefined ? [] : [`To=${rule.to}`]),
  `Table=${rule.table}`,
  ...(rule.notDefault === true ? ['SuppressPrefixLength=0'] : []),
];
