// wg-quick: the format of wg-quick(8), which most other importers read too.

import type { Prefix } from '#internal/netip/netip.ts';
import { contains, endpointAt, hostPrefix } from '#internal/netip/netip.ts';
import { type ReturnPath, routingOf } from './return-path.ts';
import { bad, type Checked } from './template.ts';

// wg-quick(8): the file's name without .conf is the interface's; IFNAMSIZ leaves 15 characters.
const interfaceName = /^[a-zA-Z0-9_=+.-]{1,15}$/;

export function isInterfaceName(name: string): boolean {
  return interfaceName.test(name);
}

/**
 * Throws Fault `bad-template` when the endpoint lies inside narrow AllowedIPs: wg-quick has no way past the tunnel then.
 */
export function wgQuickText(file: Checked, path: ReturnPath): string {
  const lines = [
    `# pop44 tunnel ${file.tunnelName} (${file.tunnelId})`,
    ...(path === 'all' ? importNote : linuxNote),
    '# Done when `wg show` tells a latest handshake; the address is then reached from everywhere that its firewall allows.',
    ...(path === 'all' ? endpointNote(file) : repliesNote(file)),
    '[Interface]',
    `PrivateKey = ${file.privateKey}`,
    `Address = ${file.addresses.map(({ text }) => text).join(', ')}`,
    `MTU = ${file.mtu}`,
    ...(path === 'all' ? [] : [`Table = ${routingOf(file, path).table}`]),
    '',
    '[Peer]',
    `PublicKey = ${file.peerPublicKey}`,
    ...(file.presharedKey === undefined ? [] : [`PresharedKey = ${file.presharedKey}`]),
    `Endpoint = ${endpointAt(file.endpoint, file.port)}`,
    `AllowedIPs = ${file.allowed.join(', ')}`,
    ...(file.keepalive === 0 ? [] : [`PersistentKeepalive = ${file.keepalive}`]),
  ];
  return `${lines.join('\n')}\n`;
}

const importNote = [
  '# Linux, macOS, BSD: put it into /etc/wireguard as NAME.conf, readable for root alone; then: wg-quick up NAME',
  '# Windows, macOS, iOS, Android: in the WireGuard app, import this file or its QR code.',
];
const linuxNote = [
  '# Linux alone (the apps of other systems know no rules of routing, and refuse the file or take everything):',
  '# put it into /etc/wireguard as NAME.conf, readable for root alone; then: wg-quick up NAME',
];

/** Why an endpoint inside the tunnelled space is reached all the same. */
function endpointNote({ endpoint, allowed }: Checked): string[] {
  const around = allowed.filter((prefix) => contains(prefix, hostPrefix(endpoint)));
  if (around.length === 0) return [];
  if (around.some((prefix: Prefix) => prefix.endsWith('/0'))) {
    return [
      `# The endpoint lies inside AllowedIPs. wg-quick marks WireGuard's own packets and lets them past the tunnel,`,
      '# because AllowedIPs holds a default route; keep it, or give the endpoint a host route of its own.',
    ];
  }
  throw bad('allowed address', around.join(', '), `holds the endpoint ${endpoint} and no default route`);
}

/** wg-quick makes rules only by PostUp, which a file that comes from others has no business to hold. */
function repliesNote(file: Checked): string[] {
  const rules = routingOf(file, 'replies').rules.map(
    ({ family, from, table, priority }) =>
      `#   ip -${family} rule add from ${from} lookup ${table} priority ${priority}`,
  );
  return [
    '# Only what leaves from these addresses is to take the tunnel. wg-quick makes the routes, and rules only by lines that',
    '# run commands, which this file does not have: without these, once after each boot, replies get lost.',
    '# (networkd, networkmanager, openwrt and routeros files make the rules by themselves.)',
    ...rules,
  ];
}
