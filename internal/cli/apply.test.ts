import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Client } from '#internal/client/client.ts';
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
  expect(dry.stdout.split('\n').filter((line) => !line.startsWith(' '))).toEqual([
    '+ pool 44.31.128.0/24',
    '+ quota ada',
    '+ tunnel shack',
    '',
  ]);
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
  ['resource: planet\nid: x', 2, 'resource: "planet" is none of pop, interconnect'],
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
