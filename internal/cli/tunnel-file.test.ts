import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Client } from '#internal/client/client.ts';
import { Fault } from '#internal/errors/errors.ts';
import { apiClient } from '#internal/testkit/api-client.ts';
import type { ApiDaemon, ApiNetwork } from '#internal/testkit/api-network.ts';
import { apiNetwork } from '#internal/testkit/api-network.ts';
import { cli } from '#internal/testkit/cli-world.ts';
import { memoryStore } from '#internal/testkit/memory-store.ts';
import { createSmallFabric, publicKey } from '#internal/testkit/requests.ts';
import { newKeyPair, readKeyPair } from './private-key.ts';

let network: ApiNetwork;
let client: Client;
beforeAll(async () => {
  network = await apiNetwork(memoryStore().follower, ['p1']);
  const [daemon] = network.daemons as [ApiDaemon];
  client = apiClient(network, daemon);
  await createSmallFabric(client.fabric, client.pools, 1);
});
afterAll(() => network[Symbol.asyncDispose]());

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tunnel-file-'));
});
afterEach(() => rmSync(folder, { recursive: true }));
const at = (name: string): string => join(folder, name);
const text = (name: string): string => readFileSync(at(name), 'utf8');
const mode = (name: string): number => statSync(at(name)).mode & 0o777;
const privateKeyIn = (name: string): string => readKeyPair(at(name))?.privateKey ?? 'none';

test('create makes the key pair and writes a file that is complete, for its owner alone [T2] [T10]', async () => {
  const { code, stdout, stderr } = await cli(client, `tunnel create one --file ${at('one.conf')} --wait`);
  expect([code, stderr]).toEqual([0, expect.stringMatching(/wrote .*one\.conf\napplied after/) as unknown]);
  expect(mode('one.conf')).toBe(0o600);
  expect(readdirSync(folder)).toEqual(['one.conf']);
  const { tunnel } = await client.tunnels.getTunnel({ tunnel: 'one' });
  expect(readKeyPair(at('one.conf'))?.publicKey).toBe(tunnel?.publicKey);
  expect(text('one.conf')).toMatch(/^Endpoint = 198\.18\.1\.2:51820$/m);
  expect(text('one.conf')).toMatch(/^AllowedIPs = 0\.0\.0\.0\/0, ::\/0$/m);
  expect(stdout + stderr).not.toContain(privateKeyIn('one.conf'));
});

test('an existing file is never overwritten, and nothing is created', async () => {
  writeFileSync(at('two.conf'), 'mine');
  const { code, stderr } = await cli(client, `tunnel create two --file ${at('two.conf')} --key-file ${at('two.key')}`);
  expect([code, stderr]).toEqual([2, expect.stringContaining('exists already')]);
  expect(readdirSync(folder)).toEqual(['two.conf']);
  expect(text('two.conf')).toBe('mine');
  expect((await cli(client, 'tunnel get two')).code).toBe(3);
});

test('a key file is made once and used again', async () => {
  const one = await cli(client, `tunnel create keyed --key-file ${at('a.key')}`);
  expect([one.code, mode('a.key')]).toEqual([0, 0o600]);
  expect(text('a.key')).toMatch(/^[A-Za-z0-9+/]{43}=\n$/);
  expect(one.stdout + one.stderr).not.toContain(privateKeyIn('a.key'));
  const two = await cli(client, `tunnel create again --key-file ${at('a.key')}`);
  expect([two.code, two.stderr]).toEqual([3, expect.stringContaining('duplicate-key')]);
  expect(readdirSync(folder)).toEqual(['a.key']);
});

test('a refused create leaves no file', async () => {
  const line = `tunnel create UPPER --file ${at('upper.conf')} --key-file ${at('upper.key')}`;
  expect((await cli(client, line)).code).toBe(3);
  expect(readdirSync(folder)).toEqual([]);
});

test('a dry run leaves no file', async () => {
  const { code, stdout } = await cli(client, `tunnel create dry --file ${at('dry.conf')} --dry-run`);
  expect([code, stdout]).toEqual([0, expect.stringContaining('put tunnel/')]);
  expect(readdirSync(folder)).toEqual([]);
});

test.each([
  ['may have happened', 'pending', ['lost.conf']],
  ['did not happen', 'unavailable', []],
])('after a create that %s the key stays only where it may be needed', async (_, code, files) => {
  const failing: Client = {
    ...client,
    tunnels: { ...client.tunnels, createTunnel: () => Promise.reject(new Fault(code, 'gone')) },
  };
  expect((await cli(failing, `tunnel create lost --file ${at('lost.conf')}`)).code).toBe(1);
  expect(readdirSync(folder)).toEqual(files);
});

test('a file that could not be finished still has the key, and finishes later', async () => {
  const failing: Client = {
    ...client,
    tunnels: { ...client.tunnels, getTunnelTemplate: () => Promise.reject(new Fault('dropped', 'gone')) },
  };
  const { code, stderr } = await cli(failing, `tunnel create later --file ${at('later.conf')}`);
  expect([code, stderr]).toEqual([1, expect.stringContaining('--out OTHER.conf')]);
  expect(mode('later.conf')).toBe(0o600);
  const finished = await cli(client, `tunnel file later --key-file ${at('later.conf')} --out ${at('done.conf')}`);
  expect(finished.code).toBe(0);
  expect(privateKeyIn('done.conf')).toBe(privateKeyIn('later.conf'));
  expect([mode('done.conf'), text('done.conf')]).toEqual([0o600, expect.stringContaining('[Peer]')]);
});

test('a file is rendered again, by IPv6 if asked, to standard output or a new file', async () => {
  await cli(client, `tunnel create more --key-file ${at('more.key')}`);
  const { stdout } = await cli(client, `tunnel file more --key-file ${at('more.key')} --ipv6 --pop p1`);
  expect(stdout).toContain('Endpoint = [2001:db8:1:1::2]:51820\n');
  const line = `tunnel file more --key-file ${at('more.key')} --out ${at('more.conf')}`;
  expect((await cli(client, line)).code).toBe(0);
  expect((await cli(client, line)).code).toBe(2);
  expect((await cli(client, `tunnel file more --key-file ${at('more.key')} --pop p9`)).code).toBe(3);
});

test.each([
  ['networkmanager', ['n.nmconnection']],
  ['networkd', ['n.netdev', 'n.network']],
  ['openwrt', ['n.uci']],
  ['routeros', ['n.rsc']],
])('a file of %s has the keys, for its owner alone, and another can be made from it [T10]', async (format, files) => {
  const name = `in-${format}`;
  await cli(client, `tunnel create ${name} --file ${at('n.conf')} --preshared-key`);
  const [first = ''] = files;
  const line = `tunnel file ${name} --key-file ${at('n.conf')} --format ${format} --return replies --out ${at(first)}`;
  const { code, stdout, stderr } = await cli(client, line);
  expect([code, stdout]).toEqual([0, '']);
  expect(stderr).toContain(`wrote ${files.map(at).join(' and ')}`);
  expect(readdirSync(folder).sort()).toEqual(['n.conf', ...files].sort());
  expect(mode(first)).toBe(0o600);
  expect(privateKeyIn(first)).toBe(privateKeyIn('n.conf'));
  const back = await cli(client, `tunnel file ${name} --key-file ${at(first)}`);
  expect([back.code, back.stdout]).toEqual([0, text('n.conf')]);
  expect((await cli(client, line)).stderr).toContain('exists already');
});

test('a QR code is drawn, and nothing is written', async () => {
  await cli(client, `tunnel create drawn --key-file ${at('drawn.key')}`);
  const { code, stdout } = await cli(client, `tunnel file drawn --key-file ${at('drawn.key')} --qr`);
  expect([code, readdirSync(folder)]).toEqual([0, ['drawn.key']]);
  expect(
    stdout
      .trimEnd()
      .split('\n')
      .every((row) => /^[█▀▄ ]{40,80}$/.test(row)),
  ).toBe(true);
});

test.each([
  ['--format openwrt --qr', 'it goes without --format'],
  ['--format networkd --out x.conf', 'is called NAME.netdev'],
  ['--format routeros --out x', 'is called NAME.rsc'],
  ['--format cisco', 'Allowed choices are wg-quick, networkmanager, networkd, openwrt, routeros'],
  ['--return some', 'Allowed choices are all, replies'],
])('usage: tunnel file %s', async (options, says) => {
  const { code, stderr } = await cli(client, `tunnel file x --key-file ${at('none')} ${options}`);
  expect([code, stderr]).toEqual([2, expect.stringContaining(says)]);
});

test.each([
  ['of another tunnel', () => `${newKeyPair().privateKey}\n`, "not this tunnel's"],
  ['that is none', () => 'PrivateKey = hello\n', 'holds no WireGuard private key'],
  ['that is a public key file of two', () => `${publicKey()}\n${publicKey()}\n`, 'holds no WireGuard private key'],
])('a key %s makes no file, and is not shown', async (_, content, says) => {
  await client.tunnels.createTunnel({ name: 'guarded', publicKey: publicKey() }).catch(() => {});
  const secret = content();
  writeFileSync(at('bad.key'), secret);
  const { code, stdout, stderr } = await cli(client, `tunnel file guarded --key-file ${at('bad.key')}`);
  expect([code, stdout]).toEqual([2, '']);
  expect(stderr).toContain(says);
  expect(stderr).not.toContain(secret.trim());
});

test('delete waits for the nodes that carried it', async () => {
  await cli(client, `tunnel create gone --key-file ${at('gone.key')}`);
  const { code, stderr } = await cli(client, 'tunnel delete gone --wait');
  expect([code, stderr]).toEqual([0, expect.stringMatching(/^tunnel gone deleted\napplied after/)]);
});

test('a key pair is what wg would make of it', () => {
  // RFC 7748 6.1: Alice's keys.
  writeFileSync(at('alice'), 'dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=\n');
  expect(readKeyPair(at('alice'))?.publicKey).toBe('hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=');
  for (let n = 0; n < 20; n += 1) {
    const bytes = Buffer.from(newKeyPair().privateKey, 'base64');
    expect([(bytes[0] ?? 0) & 7, (bytes[31] ?? 0) & 0xc0]).toEqual([0, 0x40]);
  }
});
