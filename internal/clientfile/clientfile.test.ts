import { expect, test } from 'vitest';
import type { ClientFile } from './clientfile.ts';
import { isInterfaceName, wgQuick } from './clientfile.ts';

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
  ['an endpoint inside narrow allowed addresses', { allowedIps: ['198.18.0.0/15'] }],
  ['a port', { endpointPort: 0 }],
  ['an MTU', { mtu: Number.NaN }],
  ['a keepalive', { keepaliveSeconds: -1 }],
];
test.each(hostile)('a template with a bad part is no file: %s', (_, part) => {
  expect(() => wgQuick({ ...full, ...part })).toThrow(expect.objectContaining({ code: 'bad-template' }));
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
