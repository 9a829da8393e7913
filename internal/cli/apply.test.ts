import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Client } from '#internal/client/client.ts';
import { PopKind } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { apiClient } from '#internal/testkit/api-client.ts';
import { type ApiDaemon, type ApiNetwork, apiNetwork } from '#internal/testkit/api-network.ts';
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

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'apply-'));
  file = join(folder, 'wanted.yaml');
});
afterEach(() => rmSync(folder, { recursive: true }));

const apply = (text: string, more = '--yes', answer?: string) => {
  writeFileSync(file, text);
  const line = `apply -f ${file} ${more}`.trim();
  return cli(client, line, answer === undefined ? {} : { answer });
};
const key = publicKey();
const wanted = `
resource: tunnel
name: shack
publicKey: ${key}
mtu: 1380
firewall: { presets: [ping, ssh] }
---
- resource: quota
  owner: ada
  limit4: 8
- { "resource": "pool", "prefix": "44.31.128.0/24", "quarantineSeconds": 3600 }
`;

test('what is wanted is shown, made in the order of need, and then stands', async () => {
  const dry = await apply(wanted, '--dry-run');
  const titles = dry.stdout.split('\n').filter((line) => /^([+~=]|plan of) /.test(line));
  expect(titles).toEqual([
    ...['+ pool 44.31.128.0/24', '+ quota ada', '+ tunnel shack'],
    // Of each the records and what the one node would do; a quota is none of a node's business.
    ...['plan of p1:', 'plan of p1:'],
  ]);
  expect(dry.stdout).toMatch(
    /^tunnel shack:\n(put .*\n)+plan of p1:\n( {2}[+~] (ruleset|element|peer|route|bird) .*\n)+$/m,
  );
  expect((await cli(client, 'tunnel get shack')).code).toBe(3);
  const made = await apply(wanted, '--yes --wait');
  expect([made.code, made.stderr]).toEqual([0, '3 of 3 done\n']);
  const { tunnel } = await client.tunnels.getTunnel({ tunnel: 'shack' });
  expect(tunnel).toMatchObject({ publicKey: key, mtu: 1380, firewall: { presets: ['ping', 'ssh'] } });
  const again = await apply(wanted);
  expect([again.code, again.stderr]).toEqual([0, 'nothing is to be done\n']);
  expect(again.stdout).toBe('= pool 44.31.128.0/24\n= quota ada\n= tunnel shack\n');
});

test('fields that differ are changed, the others stay; a person is asked', async () => {
  const text = 'resource: tunnel\nname: shack\nmtu: 1300\n---\nresource: quota\nowner: ada\nlimit6: "4"\n';
  expect(await apply(text, '', 'n')).toMatchObject({
    code: 0,
    stderr: expect.stringContaining('nothing was done') as unknown,
  });
  expect(await apply(text, '')).toMatchObject({ code: 2, stderr: expect.stringContaining('give --yes') as unknown });
  const { code, stdout, stderr } = await apply(text, '', 'y');
  expect(stdout).toBe('~ quota ada\n    limit6: none -> "4"\n~ tunnel shack\n    mtu: 1380 -> 1300\n');
  expect([code, stderr]).toEqual([0, '2 to be made so. Go on? [y/N] 2 of 2 done\n']);
  expect((await client.tunnels.getTunnel({ tunnel: 'shack' })).tunnel).toMatchObject({ mtu: 1300, publicKey: key });
  const { quotas } = await client.pools.listQuotas({});
  expect(quotas.find(({ owner }) => owner === 'ada')).toMatchObject({ limit4: 8n, limit6: 4n });
});

test('what a listing shows as YAML can be applied again', async () => {
  const { stdout } = await cli(client, 'pool list -o yaml');
  const { code, stderr } = await apply(stdout.replaceAll(/^- /gm, '- resource: pool\n  '), '--dry-run');
  expect([code, stderr]).toEqual([0, 'nothing is to be done\n']);
});

test.each([
  ['', 2, 'there is no document'],
  ['a: [', 2, 'line 1'],
  ['just text', 2, 'document 1: an object with the field resource'],
  ['resource: planet\nid: x', 2, 'resource: "planet" is none of pop, anycast'],
  ['resource: pool', 2, 'prefix: a text is wanted, it names the pool'],
  ['resource: pool\nprefix: 44.31.64.0/24\ncolour: red', 2, 'colour'],
  ['resource: tunnel\nname: x\nmtu: wide', 2, 'mtu'],
  ['resource: quota\nowner: bob\n---\nresource: quota\nowner: bob', 2, 'quota bob stands in it twice'],
  [
    'resource: pool\nprefix: 44.31.64.0/24\nfrozen: true',
    3,
    'pool 44.31.64.0/24: frozen: "true" is not given to a new one',
  ],
  ['resource: tunnel\nname: shack\nprefixes: [44.31.0.99/32]', 3, 'cannot be changed from'],
  [
    'a: &a [x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c]',
    2,
    'alias',
  ],
])('%j is told as what it is, and nothing is changed', async (text, code, says) => {
  const good = 'resource: quota\nowner: carl\nlimit4: 1\n';
  const ran = await apply(
    text === ''
      ? text
      : `${good}---\n${text}`.replace(/^[^]*---\n(just|a: \[|a: &|resource: planet|resource: pool$)/, '$1'),
  );
  expect([ran.code, ran.stderr]).toEqual([code, expect.stringContaining(says)]);
  expect((await client.pools.listQuotas({})).quotas.some(({ owner }) => owner === 'carl')).toBe(false);
});

test('a dry run says what would be refused as things are, and goes on', async () => {
  const text = `resource: pool
prefix: 44.31.160.0/24
---
resource: reservation
prefix: 44.31.160.0/28
poolId: 44.31.160.0/24
---
resource: reservation
prefix: 44.31.0.16/28
poolId: 44.31.0.0/22
`;
  const { code, stdout } = await apply(text, '--dry-run');
  expect(code).toBe(0);
  expect(stdout).toMatch(/^reservation 44\.31\.160\.0\/28:\nrefused as things are: .*44\.31\.160\.0\/24/m);
  expect(stdout).toMatch(/^reservation 44\.31\.0\.16\/28:\n(put .*\n)*put reservation\//m);
  const { pools } = await client.pools.listPools({});
  expect(pools.some(({ prefix }) => prefix === '44.31.160.0/24')).toBe(false);
});

test('what lies in pools, groups of PoPs and nodes are applied in the order of need, and then stand', async () => {
  const text = `
- { resource: allocation, prefix: 44.31.1.8/29, owner: eve, homePopId: p1 }
- { resource: reservation, prefix: 44.31.0.32/28, poolId: 44.31.0.0/22, owner: eve, description: for a repeater }
- { resource: node, id: p1, uplinkBitPerSecond: "1000000000" }
- { resource: pop, id: x1, anycastGroupId: any }
- { resource: anycast, id: any, founderPopId: p1, description: one for all }
`;
  const joining = {
    id: 'x1',
    kind: PopKind.CORE,
    endpoint4: '198.18.9.9',
    endpointPort: 51_820,
    publicKey: publicKey(),
  };
  await client.fabric.createPop({ pop: joining });
  const made = await apply(text);
  expect([made.stderr, made.code]).toEqual(['5 of 5 done\n', 0]);
  expect(made.stdout.split('\n').filter((line) => /^[+~=]/.test(line))).toEqual([
    ...['+ anycast any', '~ pop x1', '~ node p1', '+ reservation 44.31.0.32/28', '+ allocation 44.31.1.8/29 eve'],
  ]);
  const { groups } = await client.fabric.listAnycastGroups({});
  expect(groups).toMatchObject([{ group: { id: 'any', description: 'one for all' }, pops: ['p1', 'x1'] }]);
  const again = await apply(text);
  expect([again.stderr, again.code]).toEqual(['nothing is to be done\n', 0]);
});

test('a refusal ends it, and what was done before is said', async () => {
  const text = 'resource: quota\nowner: dora\nlimit4: 1\n---\nresource: tunnel\nname: BAD\npublicKey: no\n';
  const { code, stderr } = await apply(text);
  expect(code).toBe(3);
  expect(stderr).toMatch(/^1 of 2 done\npop44: refused \(invalid\)/);
});

test('a file that is not there is a usage error', async () => {
  expect(await cli(client, 'apply -f /nowhere/x.yaml')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('ENOENT') as unknown,
  });
});
