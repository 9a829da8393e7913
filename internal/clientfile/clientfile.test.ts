import { expect, test } from 'vitest';
import type { ClientFile } from './clientfile.ts';
import { formats, isInterfaceName, render, wgQuick } from './clientfile.ts';

// RFC 7748 6.1: Alice's keys.
const privateKey = 'dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=';
const publicKey = 'hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=';

const full: ClientFile = {
  tunnelId: '01ja',
  tunnelName: 'shack',
  privateKey,
  addresses: ['44.31.0.7/32', '2001:db8:44:7::1/64'],
  mtu: 1420,
  peerPublicKey: publicKey,
  endpointAddress: '198.18.1.2',
  endpointPort: 51820,
  allowedIps: ['0.0.0.0/0', '::/0'],
  keepaliveSeconds: 25,
};

test('a full tunnel, its endpoint in the space that it tunnels [T10]', () => {
  expect(wgQuick(full)).toBe(`# pop44 tunnel shack (01ja)
# Linux, macOS, BSD: put it into /etc/wireguard as NAME.conf, readable for root alone; then: wg-quick up NAME
# Windows, macOS, iOS, Android: in the WireGuard app, import this file or its QR code.
# Done when \`wg show\` tells a latest handshake; the address is then reached from everywhere that its firewall allows.
# The endpoint lies inside AllowedIPs. wg-quick marks WireGuard's own packets and lets them past the tunnel,
# because AllowedIPs holds a default route; keep it, or give the endpoint a host route of its own.
[Interface]
PrivateKey = ${privateKey}
Address = 44.31.0.7/32, 2001:db8:44:7::1/64
MTU = 1420

[Peer]
PublicKey = ${publicKey}
Endpoint = 198.18.1.2:51820
AllowedIPs = 0.0.0.0/0, ::/0
PersistentKeepalive = 25
`);
});

test('an endpoint of the other family needs no note, no keepalive no line', () => {
  const text = wgQuick({ ...full, endpointAddress: '2001:db8:1::2', allowedIps: ['0.0.0.0/0'], keepaliveSeconds: 0 });
  expect(text).not.toContain('lies inside');
  expect(text).not.toContain('Keepalive');
  expect(text).toContain('Endpoint = [2001:db8:1::2]:51820\n');
});

const evil = '\nPostUp = rm -rf /';
const hostile: readonly (readonly [string, Partial<ClientFile>])[] = [
  ['a name', { tunnelName: `x${evil}` }],
  ['an id', { tunnelId: `x${evil}` }],
  ['an address', { addresses: [`44.31.0.7/32${evil}`] }],
  ['an address without length', { addresses: ['44.31.0.7'] }],
  ['an address with too long a length', { addresses: ['44.31.0.7/33'] }],
  ['a public key', { peerPublicKey: `${publicKey}${evil}` }],
  ['an endpoint', { endpointAddress: `198.18.1.2${evil}` }],
  ['an endpoint that is a name', { endpointAddress: 'evil.example' }],
  ['an allowed address', { allowedIps: [`0.0.0.0/0${evil}`] }],
  ['a port', { endpointPort: 0 }],
  ['an MTU', { mtu: Number.NaN }],
  ['a keepalive', { keepaliveSeconds: -1 }],
];
test.each(hostile)('a template with a bad part is no file: %s', (_, part) => {
  for (const format of formats) {
    const code = expect.objectContaining({ code: 'bad-template' }) as unknown;
    expect(() => render({ ...full, ...part }, format)).toThrow(code as Error);
  }
});

test('wg-quick has no way to an endpoint inside narrow allowed addresses', () => {
  const narrow = { ...full, allowedIps: ['198.18.0.0/15'] };
  expect(() => wgQuick(narrow)).toThrow('no default route');
  expect(render(narrow, 'wg-quick', 'replies')[0]?.text).toContain('AllowedIPs = 198.18.0.0/15\n');
});

test('wg-quick with replies alone says which rules are missing, and runs nothing', () => {
  const [{ text } = { text: '' }] = render(full, 'wg-quick', 'replies');
  const [, table = ''] = /^Table = (44\d{3})$/m.exec(text) ?? [];
  expect(text).toContain(`#   ip -4 rule add from 44.31.0.7/32 lookup ${table} priority 30003\n`);
  expect(text).toContain(`#   ip -6 rule add from 2001:db8:44:7::/64 lookup ${table} priority 30003\n`);
  expect(text).not.toMatch(/PostUp|PreUp|PostDown|PreDown/);
});

test('a bad private key is not repeated in the fault', () => {
  const thrown = (): unknown => {
    try {
      return wgQuick({ ...full, privateKey: `${privateKey}x` });
    } catch (fault) {
      return fault;
    }
  };
  expect(String(thrown())).toContain('private key');
  expect(String(thrown())).not.toContain(privateKey);
});

test.each([
  ['shack', true],
  ['a-b_c=d+e.f', true],
  ['exactly15chars-', true],
  ['sixteen-chars---', false],
  ['', false],
  ['a b', false],
  ['a/b', false],
])('%j as the name of an interface: %s', (name, is) => {
  expect(isInterfaceName(name)).toBe(is);
});
