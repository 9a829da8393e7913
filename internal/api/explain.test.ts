import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Client } from '#internal/client/client.ts';
import { apiClient } from '#internal/testkit/api-client.ts';
import { type ApiDaemon, type ApiNetwork, apiNetwork } from '#internal/testkit/api-network.ts';
import { cli } from '#internal/testkit/cli-world.ts';
import { memoryStore } from '#internal/testkit/memory-store.ts';
import { createPops } from '#internal/testkit/requests.ts';
import { testKey } from '#internal/testkit/three-pops.ts';

let network: ApiNetwork;
let client: Client;
let address = '';
beforeAll(async () => {
  network = await apiNetwork(memoryStore().follower, ['p1']);
  const [daemon] = network.daemons as [ApiDaemon];
  client = apiClient(network, daemon);
  await createPops(client.fabric, 1);
  for (const prefix of ['44.31.0.0/22', '2001:db8:44::/48']) await client.pools.createPool({ prefix });
  const { tunnel } = await client.tunnels.createTunnel({ name: 'station', publicKey: testKey(1) });
  address = tunnel?.prefixes[0]?.split('/')[0] ?? '';
});
afterAll(async () => {
  await network[Symbol.asyncDispose]();
});

test.each([
  ['a tunnel that is none', { subject: 'nobody' }, 'not-found', 'subject'],
  ['nothing', { subject: '' }, 'required', 'subject'],
  ['metacharacters', { subject: "x'; nft flush ruleset" }, 'not-found', 'subject'],
  ['an address of others', { subject: '192.0.2.1' }, 'outside-pool', 'subject'],
  ['a source that is no address', { subject: 'station', from: '198.51.100.7; reboot' }, 'invalid', 'from'],
  ['a source that is a prefix', { subject: 'station', from: '198.51.100.0/24' }, 'invalid', 'from'],
  ['a destination with a zone', { subject: 'station', to: 'fe80::1%eth0' }, 'invalid', 'to'],
  [
    'an address and a source of two families',
    { subject: '44.31.0.77', from: '2001:db8:ffff::1' },
    'family-mismatch',
    'from',
  ],
  [
    'ends of two families',
    { subject: 'station', from: '198.51.100.7', to: '2001:db8:ffff::1' },
    'family-mismatch',
    'from',
  ],
  ['ports of a ping', { subject: 'station', protocol: 'icmp', port: 22 }, 'invalid', 'port'],
  ['ports of GRE', { subject: 'station', protocol: '47', port: 22 }, 'invalid', 'port'],
  ['tcp without a port', { subject: 'station', protocol: 'tcp' }, 'required', 'port'],
  ['a port beyond 16 bits', { subject: 'station', port: 65_536 }, 'invalid', 'port'],
  ['a protocol beyond a byte', { subject: 'station', protocol: '256' }, 'invalid', 'protocol'],
  ['a protocol that is none', { subject: 'station', protocol: 'tcp }' }, 'invalid', 'protocol'],
])('%s is refused, with field and cure', async (_, request, refused, field) => {
  await expect(client.explain.explain(request)).rejects.toMatchObject({
    refusal: { refused, field, cure: expect.stringMatching('.') as unknown },
  });
});

test('a refused question ends with 3, an answered one with 0 whatever the verdict', async () => {
  expect(await cli(client, 'explain nobody')).toMatchObject({ code: 3 });
  const { code, stdout } = await cli(client, 'explain station --port 22');
  expect(code).toBe(0);
  expect(stdout).toContain('dropped at p1: no preset or rule admits tcp/22 from 198.51.100.7 (firewall: ping)\n');
  expect(stdout).toContain('of the kernel nothing is known');
  const json = await cli(client, 'explain station --from 2001:db8:ffff::1 -o json');
  expect(json).toMatchObject({ code: 0, stderr: '' });
  expect(JSON.parse(json.stdout)).toMatchObject({ nodeId: 'p1', plan: { verdict: 'passes' } });
});

test('what the desk hears comes as JSON too', async () => {
  expect(await cli(client, `whois ${address} -o json`)).toMatchObject({ code: 0, stderr: '' });
});

test('an address works like the tunnel that has it, and one that nobody has says so', async () => {
  const { plan } = await client.explain.explain({ subject: address });
  expect(plan?.reason).toBe('reaches station');
  const free = await client.explain.explain({ subject: '44.31.0.77' });
  expect(free.plan).toMatchObject({ verdict: 'rejected', reason: "44.31.0.77 is no tunnel's here: nobody has it" });
  expect((await client.explain.explain({ subject: '44.31.0.77', to: '198.51.100.7' })).plan?.verdict).toBe('dropped');
});

test('the death of a node without a sibling lasts until it is back; of one that is none nothing is told [N7]', async () => {
  const { code, stdout } = await cli(client, 'explain --failure p1');
  expect(code).toBe(0);
  expect(stdout).toContain('p1 has no sibling: its tunnels are down until it is back\n');
  expect(stdout).toContain('station\tuntil back\t');
  const json = await cli(client, 'explain --failure p1 -o json');
  expect(JSON.parse(json.stdout)).toMatchObject({
    nodeId: 'p1',
    whereaboutsKnown: false,
    tunnels: [{ name: 'station' }],
  });
  await expect(client.explain.explainFailure({ node: 'p9' })).rejects.toMatchObject({
    refusal: { refused: 'not-found', field: 'node' },
  });
  for (const line of ['explain', 'explain station --failure p1', 'explain --failure p1 --port 22'])
    expect(await cli(client, line)).toMatchObject({ code: 2, stdout: '' });
});
