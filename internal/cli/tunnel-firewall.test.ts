import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Client } from '#internal/client/client.ts';
import { Fault } from '#internal/errors/errors.ts';
import { apiClient } from '#internal/testkit/api-client.ts';
import type { ApiDaemon, ApiNetwork } from '#internal/testkit/api-network.ts';
import { apiNetwork } from '#internal/testkit/api-network.ts';
import { cli } from '#internal/testkit/cli-world.ts';
import { memoryStore } from '#internal/testkit/memory-store.ts';
import { createSmallFabric, publicKey } from '#internal/testkit/requests.ts';

let network: ApiNetwork;
let client: Client;
beforeAll(async () => {
  network = await apiNetwork(memoryStore().follower, ['p1']);
  const [daemon] = network.daemons as [ApiDaemon];
  client = apiClient(network, daemon);
  await createSmallFabric(client.fabric, client.pools, 1);
});
afterAll(() => network[Symbol.asyncDispose]());

const row = (stdout: string, name: string): string => new RegExp(`^${name}\\t(.*)$`, 'm').exec(stdout)?.[1] ?? '';
let count = 0;
const create = async (options: string) => {
  count += 1;
  return cli(client, `tunnel create t${count} --public-key ${publicKey()}${options}`);
};

test.each([
  ['', 'ping'],
  [' --firewall web,ping', 'ping web'],
  [' --firewall closed', 'closed'],
  [' --allow tcp/22', 'ping tcp/22'],
  [
    ' --firewall closed --allow udp/5000-5100 --allow tcp/443@203.0.113.0/24 --allow icmp@2001:db8::7 --allow 47 --allow tcp',
    'closed udp/5000-5100 tcp/443@203.0.113.0/24 icmp@2001:db8::7/128 47 tcp',
  ],
])('create%s makes a tunnel with %s', async (options, shown) => {
  const { code, stdout } = await create(options);
  expect([code, row(stdout, 'firewall')]).toEqual([0, shown]);
  expect(row((await cli(client, `tunnel get t${count}`)).stdout, 'firewall')).toBe(shown);
});

test.each([
  [' --allow tcp/22;reboot', 2],
  [' --allow tcp/22-23-24', 2],
  [' --allow tcp/99999', 3],
  [' --allow gre', 3],
  [' --firewall web,', 3],
  [' --firewall $(reboot)', 3],
  [' --allow tcp/1@203.0.113.7/24', 3],
])('create%s creates nothing', async (options, exit) => {
  const { code, stderr } = await create(options);
  expect([code, stderr]).not.toEqual([exit, '']);
  expect(code).toBe(exit);
  expect((await cli(client, `tunnel get t${count}`)).code).toBe(3);
});

test('set replaces the whole, and needs to be told something', async () => {
  await create(' --firewall web --allow tcp/22');
  const { stdout } = await cli(client, `tunnel firewall set t${count} ssh,ping`);
  expect([row(stdout, 'presets'), row(stdout, 'rules')]).toEqual(['ping ssh', '']);
  expect((await cli(client, `tunnel firewall set t${count}`)).code).toBe(2);
});

test('show has what each node refused, and says of one that cannot be asked why', async () => {
  await create('');
  // Only PoP north has a node, p1; the others carry it with none.
  const at = (node: string): Client =>
    node === 'p1' ? client : { ...client, tunnels: { ...client.tunnels, getTunnelDenials: gone } };
  const gone = (): Promise<never> => Promise.reject(new Fault('unavailable', 'gone'));
  const shown = await cli({ ...client, at }, `tunnel firewall show t${count}`);
  expect(shown.code).toBe(0);
  expect(shown.stdout).toMatch(/^p1\t44\.31\.[0-9.]+\/32\t1\t60$/m);
  const dark = await cli({ ...client, at: () => at('dark') }, `tunnel firewall show t${count}`);
  expect([dark.code, dark.stdout]).toEqual([0, expect.stringMatching(/^p1\t\tunavailable\t$/m)]);
});

test('presets are listed with what they admit', async () => {
  const { code, stdout } = await cli(client, 'tunnel firewall presets');
  expect([code, row(stdout, 'echolink'), row(stdout, 'closed')]).toEqual([0, 'udp/5198-5199', 'nothing']);
});
