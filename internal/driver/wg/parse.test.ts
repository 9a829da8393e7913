import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { DevicePeer, PeerChange } from './backend.ts';
import { clamped } from './key-file.ts';
import { errnoOf, parseDump, parseInterfaces, parseUapi } from './parse.ts';
import { renderDevice, renderPeers } from './render.ts';

const testdata = (name: string): Buffer => readFileSync(new URL(`testdata/${name}`, import.meta.url));

test('the answer of a wireguard-go is read whole', () => {
  expect(parseUapi(testdata('get.txt'))).toEqual({
    privateKey: 'qKioqKioqKioqKioqKioqKioqKioqKioqKioqKioqGg=',
    listenPort: 51820,
    fwmark: 0x44,
    peers: [
      {
        publicKey: 'egQEg7eAXLZ5n5GmGqt0c9m1SfSBfxQlZu9syyAHSV0=',
        endpoint: '198.18.0.2:51821',
        lastHandshakeMs: 1795369375172,
        rxBytes: 244,
        txBytes: 124,
        keepaliveSeconds: 25,
        allowedIps: ['2001:db8:44:7::/64', '44.31.0.7/32'],
      },
      {
        publicKey: '0d6VAW8bwFpfvenpcgZ48FtObglv7xl2suohh1UKNws=',
        endpoint: '[2001:db8::2]:51900',
        lastHandshakeMs: 0,
        rxBytes: 0,
        txBytes: 0,
        keepaliveSeconds: 0,
        allowedIps: ['0.0.0.0/0', '::/0'],
      },
      {
        publicKey: 'kRkJlI9mOVwnkMC6ouCtbiAlC5oEr/yfCmKfcFabZiE=',
        lastHandshakeMs: 0,
        rxBytes: 0,
        txBytes: 0,
        keepaliveSeconds: 0,
        allowedIps: [],
      },
    ],
  });
});

test('wg and the UAPI tell the same about the same device', () => {
  const seconds = (peer: DevicePeer): DevicePeer => ({
    ...peer,
    lastHandshakeMs: Math.floor(peer.lastHandshakeMs / 1000) * 1000,
  });
  const byUapi = parseUapi(testdata('get.txt'));
  expect(parseDump(testdata('dump.txt').toString())).toEqual({ ...byUapi, peers: byUapi.peers.map(seconds) });
});

test('a device without key and peers is read', () => {
  expect(parseUapi(Buffer.from('listen_port=38521\nerrno=0\n\n'))).toEqual({ listenPort: 38521, fwmark: 0, peers: [] });
  expect(parseDump('(none)\t(none)\t0\toff\n')).toEqual({ listenPort: 0, fwmark: 0, peers: [] });
});

test.each([
  ['listen_port=1\nerrno=0\n\n', 0],
  ['errno=-22\n\n', -22],
])('%j ends with errno %d', (answer, errno) => expect(errnoOf(Buffer.from(answer))).toBe(errno));

test('an answer without errno is a fault', () => {
  expect(() => errnoOf(Buffer.from('listen_port=1\n'))).toThrow('did not end its answer with errno');
});

const key = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString('base64'));
const change: fc.Arbitrary<Extract<PeerChange, { op: 'set' }>> = fc.record(
  {
    op: fc.constant('set' as const),
    publicKey: key,
    allowedIps: fc.uniqueArray(fc.constantFrom('44.31.0.7/32', '2001:db8:44:7::/64', '0.0.0.0/0', '::/0')),
    keepaliveSeconds: fc.integer({ min: 0, max: 65535 }),
    endpoint: fc.constantFrom('198.18.1.2:51820', '[2001:db8::1]:51820'),
  },
  { requiredKeys: ['op', 'publicKey', 'allowedIps', 'keepaliveSeconds'] },
);

test('parse(render(peers)) = peers, with their prefixes sorted', () => {
  fc.assert(
    fc.property(fc.array(change), (changes) => {
      const { peers } = parseUapi(Buffer.from(renderPeers(changes)));
      expect(peers).toEqual(
        changes.map(({ op: _op, allowedIps, ...rest }) => ({
          ...rest,
          allowedIps: [...allowedIps].sort(),
          lastHandshakeMs: 0,
          rxBytes: 0,
          txBytes: 0,
        })),
      );
    }),
  );
});

test('parse(render(device)) = device', () => {
  fc.assert(
    fc.property(key, fc.nat({ max: 65535 }), fc.nat(), (privateKey, listenPort, fwmark) => {
      const change = { privateKey: { base64: privateKey, file: '/k' }, listenPort, fwmark };
      expect(parseUapi(Buffer.from(renderDevice(change)))).toEqual({ privateKey, listenPort, fwmark, peers: [] });
    }),
  );
});

test('only interfaces with our prefix are seen', () => {
  expect(parseInterfaces(testdata('links.json').toString())).toEqual([{ name: 'p44w0', mtu: 1420, up: true }]);
});

test('clamping is what the device does to a key', () => {
  const raw = Buffer.alloc(32, 0xa8).toString('base64');
  expect(clamped(raw)).toBe(parseUapi(testdata('get.txt')).privateKey);
  expect(clamped(clamped(raw))).toBe(clamped(raw));
});
