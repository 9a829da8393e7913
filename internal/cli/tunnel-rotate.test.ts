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
import { createSmallFabric } from '#internal/testkit/requests.ts';
import { readKeyPair } from './private-key.ts';

let network: ApiNetwork;
let client: Client;
let folder: string;
beforeAll(async () => {
  network = await apiNetwork(memoryStore().follower, ['p1']);
  const [daemon] = network.daemons as [ApiDaemon];
  client = apiClient(network, daemon);
  await createSmallFabric(client.fabric, client.pools, 1);
});
afterAll(() => network[Symbol.asyncDispose]());
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tunnel-rotate-'));
});
afterEach(() => rmSync(folder, { recursive: true }));
const at = (name: string): string => join(folder, name);
const text = (name: string): string => readFileSync(at(name), 'utf8');

test('rotate-key writes a new file beside the old one, and tells nobody its private key [T6] [T10]', async () => {
  await cli(client, `tunnel create one --file ${at('one.conf')}`);
  const old = text('one.conf');
  const { code, stdout, stderr } = await cli(client, `tunnel rotate-key one --file ${at('one2.conf')}`);
  expect([code, stderr]).toEqual([0, expect.stringContaining('wrote ') as unknown]);
  const pair = readKeyPair(at('one2.conf'));
  const { tunnel } = await client.tunnels.getTunnel({ tunnel: 'one' });
  expect(tunnel).toMatchObject({ nextPublicKey: pair?.publicKey, publicKey: readKeyPair(at('one.conf'))?.publicKey });
  expect(text('one.conf')).toBe(old);
  expect(statSync(at('one2.conf')).mode & 0o777).toBe(0o600);
  const withoutKey = (file: string): string => file.replace(/^PrivateKey = .*$/m, '');
  expect(withoutKey(text('one2.conf'))).toBe(withoutKey(old));
  expect(stdout + stderr).not.toContain(pair?.privateKey);
  const again = await cli(client, `tunnel file one --key-file ${at('one2.conf')}`);
  expect([again.code, again.stdout]).toEqual([0, text('one2.conf')]);
});

test('a rotation that is refused leaves no file, and what is there is never overwritten [T6]', async () => {
  await cli(client, `tunnel create two --file ${at('two.conf')}`);
  await cli(client, `tunnel rotate-key two --file ${at('two2.conf')}`);
  const second = await cli(client, `tunnel rotate-key two --file ${at('two3.conf')}`);
  expect([second.code, second.stderr]).toEqual([3, expect.stringContaining('refused (rotation-open)')]);
  writeFileSync(at('mine.conf'), 'mine');
  expect((await cli(client, `tunnel rotate-key two --file ${at('mine.conf')}`)).code).toBe(2);
  expect(text('mine.conf')).toBe('mine');
  expect(readdirSync(folder).toSorted()).toEqual(['mine.conf', 'two.conf', 'two2.conf']);
  expect((await cli(client, 'tunnel rotate-key two --cancel')).code).toBe(0);
});

test.each([
  ['nothing', ''],
  ['two things', ' --cancel --public-key x'],
  ['a file that wg-quick would not take', ' --file /tmp/a-name-that-is-too-long.conf'],
])('%s is a usage error before anybody is asked', async (_name, rest) => {
  const { code } = await cli(client, `tunnel rotate-key two${rest}`);
  expect(code).toBe(2);
});

test('when the answer is lost the new key stays on the disk [T6]', async () => {
  await cli(client, `tunnel create three --file ${at('three.conf')}`);
  const lost = async (): Promise<never> => {
    throw new Fault('pending', 'no answer');
  };
  const deaf = { ...client, tunnels: { ...client.tunnels, rotateTunnelKey: lost } };
  const { code, stderr } = await cli(deaf, `tunnel rotate-key three --file ${at('three2.conf')}`);
  expect([code, stderr]).toEqual([1, expect.stringContaining('the new private key stays in ')]);
  expect(readKeyPair(at('three2.conf'))?.privateKey).toHaveLength(44);
});
