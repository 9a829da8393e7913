import { expect, test } from 'vitest';
import type { Link, Peer } from '#internal/dataplane/dataplane.ts';
import { checkLink, peerChange, renderDevice, renderPeers, wgDeviceArgs, wgPeersArgs } from './render.ts';

const publicKey = 'egQEg7eAXLZ5n5GmGqt0c9m1SfSBfxQlZu9syyAHSV0=';
const peer: Peer = {
  link: 'p44i-a',
  publicKey,
  allowedIps: ['0.0.0.0/0', '::/0'],
  endpoint: '198.18.1.2:51900',
  keepaliveSeconds: 5,
};
const { endpoint: _endpoint, ...roaming } = peer;
const noFile = (): string => 'no file';
const step = { kind: 'peer', key: `p44i-a ${publicKey}` } as const;

test('a new peer gets its endpoint before the keepalive that calls it', () => {
  const change = peerChange({ op: 'add', ...step, want: peer });
  expect(renderPeers([change])).toBe(
    [
      'set=1',
      'public_key=7a040483b7805cb6799f91a61aab7473d9b549f4817f142566ef6ccb2007495d',
      'replace_allowed_ips=true',
      'allowed_ip=0.0.0.0/0',
      'allowed_ip=::/0',
      'endpoint=198.18.1.2:51900',
      'persistent_keepalive_interval=5',
      '\n',
    ].join('\n'),
  );
  expect(wgPeersArgs('p44i-a', [change], noFile).join(' ')).toBe(
    `set p44i-a peer ${publicKey} allowed-ips 0.0.0.0/0,::/0 endpoint 198.18.1.2:51900 persistent-keepalive 5`,
  );
});

test('a removed peer is named and nothing else', () => {
  const change = peerChange({ op: 'remove', ...step, found: { ...roaming, endpoint: '(none)' } });
  expect(renderPeers([change])).toMatch(/^set=1\npublic_key=[0-9a-f]{64}\nremove=true\n\n$/);
  expect(wgPeersArgs('p44i-a', [change], noFile)).toEqual(['set', 'p44i-a', 'peer', publicKey, 'remove']);
});

test.each<[string, Peer, Peer, string | undefined]>([
  ['a pinned endpoint that is another', peer, { ...peer, endpoint: '198.18.1.9:1' }, '198.18.1.2:51900'],
  ['a pinned endpoint that is missing', peer, { ...peer, endpoint: '(none)' }, '198.18.1.2:51900'],
  ['a pinned endpoint that is the same', peer, peer, undefined],
  ['an endpoint that a living session roamed to', peer, roaming, undefined],
  ['no pinned endpoint', roaming, peer, undefined],
])('a change writes the endpoint only where it is new: %s', (_name, want, found, endpoint) => {
  expect(peerChange({ op: 'change', ...step, want, found })).toEqual({
    op: 'set',
    publicKey,
    updateOnly: true,
    allowedIps: want.allowedIps,
    keepaliveSeconds: want.keepaliveSeconds,
    ...(endpoint === undefined ? {} : { endpoint }),
  });
});

test('a change never makes a peer that is gone, an addition does', () => {
  const text = (op: 'change' | 'add'): string => renderPeers([peerChange({ op, ...step, want: peer, found: peer })]);
  expect(text('change')).toMatch(/^set=1\npublic_key=[0-9a-f]{64}\nupdate_only=true\nreplace_allowed_ips=true\n/);
  expect(text('add')).not.toContain('update_only');
});

test('the private key is never an argument', () => {
  const change = { privateKey: { base64: publicKey, file: '/etc/p1.key' }, fwmark: 0x44, listenPort: 51820 };
  expect(wgDeviceArgs('p44w0', change, '/etc/p1.key').join(' ')).toBe(
    'set p44w0 private-key /etc/p1.key fwmark 68 listen-port 51820',
  );
  expect(renderDevice(change)).toMatch(/^set=1\nprivate_key=[0-9a-f]{64}\nfwmark=68\nlisten_port=51820\n\n$/);
});

test.each<[string, Partial<Peer>, string]>([
  ['a key', { publicKey: `${publicKey}\nremove=true` }, 'is not a WireGuard key'],
  ['a prefix', { allowedIps: ['44.31.0.0/24\nprivate_key=00'] }, 'is not a prefix'],
  ['a length', { allowedIps: ['44.31.0.0/33'] }, 'is not a prefix'],
  ['an endpoint', { endpoint: 'example.org:51820' }, 'is not an endpoint'],
  ['a port', { endpoint: '198.18.1.2:65536' }, 'is not an endpoint'],
  ['a zone', { endpoint: '[fe80::1%eth0]:51820' }, 'is not an endpoint'],
  ['a keepalive', { keepaliveSeconds: 1.5 }, 'is not a keepalive'],
  ['an interface of others', { link: 'wg0' }, 'is not the name of an interface of ours'],
  ['a path for a name', { link: 'p44/../x' }, 'is not the name of an interface of ours'],
])('a bad peer never reaches a tool: %s', (_name, bad, problem) => {
  expect(() => peerChange({ op: 'add', ...step, want: { ...peer, ...bad } })).toThrow(problem);
});

const link: Link = { name: 'p44w0', netns: 'pop', mtu: 1420, listenPort: 51820, fwmark: 0, privateKeyFile: '/k' };
test.each<[Partial<Link>, string]>([
  [{ name: 'p44-a-name-too-long' }, 'is not the name of an interface of ours'],
  [{ mtu: 1279 }, 'is not an MTU from 1280 to 65535'],
  [{ listenPort: 65536 }, 'is not a port'],
  [{ fwmark: -1 }, 'is not a packet mark'],
  [{ privateKeyFile: 'relative' }, 'is not an absolute path'],
])('a bad link never reaches a tool: %j', (bad, problem) => {
  expect(() => checkLink({ ...link, ...bad })).toThrow(problem);
});

test('a pre-shared key is never an argument, and is left alone where it stays [S5]', () => {
  const secret = 'q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=';
  const set = { op: 'set', publicKey, allowedIps: [], keepaliveSeconds: 0 } as const;
  const files = new Map([
    [secret, '/run/keys/1'],
    ['', '/dev/null'],
  ]);
  const args = (presharedKey: string): string =>
    wgPeersArgs('p44w0', [{ ...set, presharedKey }], (key) => files.get(key) ?? '').join(' ');
  expect(args(secret)).toContain('preshared-key /run/keys/1 allowed-ips');
  expect(args('')).toContain('preshared-key /dev/null allowed-ips');
  expect(wgPeersArgs('p44w0', [set], noFile).join(' ')).not.toContain('preshared');
  expect(renderPeers([{ ...set, presharedKey: secret }])).toContain(`preshared_key=${'abcdef1234567890'.repeat(4)}\n`);
  expect(renderPeers([{ ...set, presharedKey: '' }])).toContain(`preshared_key=${'0'.repeat(64)}\n`);
  expect(renderPeers([set])).not.toContain('preshared');
});

test('what is no ciphertext is refused and not repeated [S5]', () => {
  const clear = `${'key in clear'.repeat(3)}!`;
  const add = { op: 'add', ...step, want: { ...peer, sealedPresharedKey: clear } } as const;
  expect(() => peerChange(add)).toThrow('a sealed key is not base64 of an age file');
});
