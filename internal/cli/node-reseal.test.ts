import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Client } from '#internal/client/client.ts';
import type { RecordEvent } from '#internal/model/record.ts';
import { sealedTo } from '#internal/rotation/sealed-to.ts';
import {
  addIdentity,
  forgetOlderIdentities,
  makeIdentity,
  openerOf,
  readIdentityFile,
  recipientOf,
  seal,
  writeIdentityFile,
} from '#internal/sealing/sealing.ts';
import { openDisk } from '#internal/store/store.ts';
import { apiClient } from '#internal/testkit/api-client.ts';
import type { ApiDaemon, ApiNetwork } from '#internal/testkit/api-network.ts';
import { apiNetwork } from '#internal/testkit/api-network.ts';
import { cli } from '#internal/testkit/cli-world.ts';
import { memoryStore } from '#internal/testkit/memory-store.ts';
import { nodeRequest, popRequest } from '#internal/testkit/requests.ts';
import { newKeyPair, readPresharedKey } from './private-key.ts';

const folder = mkdtempSync(join(tmpdir(), 'reseal-'));
const at = (name: string): string => join(folder, name);
const [first, far] = [makeIdentity(), makeIdentity()];
const access = newKeyPair();
let network: ApiNetwork;
let client: Client;
let daemon: ApiDaemon;
beforeAll(async () => {
  network = await apiNetwork(memoryStore().follower, ['p1']);
  [daemon] = network.daemons as [ApiDaemon];
  client = apiClient(network, daemon);
  await client.fabric.createNetwork({ name: 'test', allowDocumentationSpace: true });
  for (const [n, identity] of [
    [1, first],
    [2, far],
  ] as const) {
    await client.fabric.createPop({ pop: { ...popRequest(n), ...(n === 1 ? { publicKey: access.publicKey } : {}) } });
    await client.fabric.createNode({ node: { ...nodeRequest(n), sealingPublicKey: recipientOf(identity) } });
  }
  for (const prefix of ['44.31.0.0/22', '2001:db8:44::/48']) await client.pools.createPool({ prefix });
  const sealed = { p1: seal(Buffer.from(access.privateKey, 'base64'), recipientOf(first)) };
  await client.fabric.setPopAccessKey({ popId: 'p1', publicKey: access.publicKey, sealed });
  for (const name of ['one', 'two']) await cli(client, `tunnel create ${name} --file ${at(name)}.conf --preshared-key`);
  writeIdentityFile(at('own.key'), first);
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await network[Symbol.asyncDispose]();
});

const events = (): readonly RecordEvent[] => {
  const { tunnels, pops, anycasts } = daemon.head.snapshot();
  return [
    ...[...anycasts].map(([id, stored]) => ({ kind: 'anycast', id, stored }) as const),
    ...[...tunnels].map(([id, stored]) => ({ kind: 'tunnel', id, stored }) as const),
    ...[...pops].map(([id, stored]) => ({ kind: 'pop', id, stored }) as const),
  ];
};
/** What the node's daemon would have on its disk now. */
async function saved(name: string): Promise<string> {
  const disk = await openDisk(at(name));
  await disk.append({ revision: daemon.head.snapshot().revision, relisted: true, events: events() });
  await disk.close();
  return at(name);
}
const states = (): readonly string[] =>
  sealedTo('p1', events(), readIdentityFile(at('own.key')).map(openerOf)).map(({ what, to }) => `${what}: ${to}`);

test('what is sealed to an older identity is sealed to the newest, others find theirs as it was [T6]', async () => {
  expect(states()).toEqual([
    'access key of PoP p1: newest',
    expect.stringMatching(/^tunnel \S+\/one: newest$/) as unknown,
    expect.stringMatching(/^tunnel \S+\/two: newest$/) as unknown,
  ]);
  const next = makeIdentity();
  addIdentity(at('own.key'), next);
  const line = `node reseal p1 --identity ${at('own.key')} --records ${await saved('before')}`;
  const listed = await cli(client, `${line} --list`);
  expect([listed.code, listed.stdout.trim().split('\n')]).toEqual([
    0,
    ['access key of PoP p1', expect.stringContaining('/one') as unknown, expect.stringContaining('/two') as unknown],
  ]);
  // Others would go on sealing to the old one.
  const early = await cli(client, line);
  expect([early.code === 0, early.stderr]).toEqual([
    false,
    expect.stringContaining(`pop44 node sealing-key p1 ${recipientOf(next)}`) as unknown,
  ]);
  expect((await cli(client, `node sealing-key p1 ${recipientOf(next)}`)).code).toBe(0);

  // One was changed since the records were saved: it is left, and told.
  await cli(client, 'tunnel update two --mtu 1400');
  const some = await cli(client, line);
  expect([some.code === 0, some.stderr]).toEqual([
    false,
    expect.stringContaining('1 of 3 are still to be sealed') as unknown,
  ]);
  const rest = await cli(client, `node reseal p1 --identity ${at('own.key')} --records ${await saved('later')}`);
  expect([rest.code, rest.stderr]).toEqual([0, expect.stringContaining('1 sealed again') as unknown]);
  expect(states().every((state) => state.endsWith(': newest'))).toBe(true);
  expect(forgetOlderIdentities(at('own.key'))).toBe(1);
  expect(readFileSync(at('own.key'), 'utf8')).toBe(`${next}\n`);

  for (const name of ['one', 'two']) {
    const { tunnel } = await client.tunnels.getTunnel({ tunnel: name });
    const sealed = daemon.head.snapshot().tunnels.get(tunnel?.id ?? '')?.record.sealedPresharedKey ?? {};
    const opened = [next, far].map((identity, index) =>
      Buffer.from(openerOf(identity).open(sealed[`p${index + 1}`] ?? new Uint8Array())).toString('base64'),
    );
    const key = readPresharedKey(`${at(name)}.conf`);
    expect(opened).toEqual([key, key]);
  }
});

test('what a node can open is sealed to another one of its PoP that joined later, and what is there for one that is gone is left out [T6] [N7]', async () => {
  const later = makeIdentity();
  const second = { ...nodeRequest(3), popId: 'p1', sealingPublicKey: recipientOf(later) };
  await client.fabric.createNode({ node: second });
  await client.fabric.createNode({
    node: { ...nodeRequest(4), popId: 'p2', sealingPublicKey: recipientOf(makeIdentity()) },
  });
  await client.fabric.removeNode({ node: 'p2' });
  const line = async (other: string, name: string) =>
    cli(client, `node reseal p1 --identity ${at('own.key')} --records ${await saved(name)} --for ${other}`);
  for (const other of ['p1', 'p4', 'p9'])
    expect((await line(other, `wrong-${other}`)).stderr).toContain(
      `${other} is no other node in force of the PoP of p1`,
    );
  const { code, stderr } = await line('p3', 'joined');
  // Tunnels that are placed at p2 too, where p4 has joined: that one needs a copy of its own.
  expect([code === 0, stderr]).toEqual([
    false,
    expect.stringContaining('access key of PoP p1: sealed to p3') as unknown,
  ]);
  expect(stderr).toContain('tunnel.sealed_preshared_key[p4]: is missing');
  await client.fabric.removeNode({ node: 'p4', force: true });
  const again = await line('p3', 'alone');
  expect([again.code, again.stderr]).toEqual([0, expect.stringContaining('3 sealed again') as unknown]);
  const { tunnels, pops } = daemon.head.snapshot();
  for (const [id, { record }] of tunnels) {
    expect(Object.keys(record.sealedPresharedKey).sort(), id).toEqual(['p1', 'p3']);
    const key = openerOf(later).open(record.sealedPresharedKey['p3'] ?? new Uint8Array());
    expect(Buffer.from(key).toString('base64')).toBe(readPresharedKey(`${at(record.name)}.conf`));
  }
  const sealed = pops.get('p1')?.record.sealedAccessKey ?? {};
  expect(Buffer.from(openerOf(later).open(sealed['p3'] ?? new Uint8Array())).toString('base64')).toBe(
    access.privateKey,
  );
});

test('what a node can open is sealed to all nodes of a PoP that has joined its anycast group, in one go [N8] [T6]', async () => {
  const identities = { p5: makeIdentity(), p6: makeIdentity() };
  await client.fabric.createPop({ pop: popRequest(3) });
  for (const [n, id] of [
    [5, 'p5'],
    [6, 'p6'],
  ] as const) {
    const sealingPublicKey = recipientOf(identities[id]);
    await client.fabric.createNode({ node: { ...nodeRequest(n), id, popId: 'p3', sealingPublicKey } });
  }
  await client.fabric.createAnycastGroup({ id: 'coast', pop: 'p1' });
  // The sealing identity of p1 that the CLI opens the group's key with.
  const join = `pop update p3 --anycast coast --identity ${at('own.key')}`;
  const told = await cli(client, join);
  expect([told.code === 0, told.stderr]).toEqual([
    false,
    expect.stringMatching(
      /2 tunnels with a pre-shared key that is not sealed to p5, p6: .*one.*two.*--for p5 p6/,
    ) as unknown,
  ]);
  expect(await cli(client, `${join} --replace`)).toMatchObject({ code: 0 });
  const reseal = async (name: string, others: string) =>
    cli(client, `node reseal p1 --identity ${at('own.key')} --records ${await saved(name)} --for ${others}`);
  // Either alone would leave the other without.
  expect((await reseal('alone-p5', 'p5')).stderr).toContain('[p6]: is missing');
  const { code, stderr } = await reseal('group', 'p5 p6');
  expect([code, stderr]).toEqual([0, expect.stringContaining('sealed to p5, p6') as unknown]);
  for (const { record } of daemon.head.snapshot().tunnels.values())
    for (const [id, identity] of Object.entries(identities)) {
      const key = openerOf(identity).open(record.sealedPresharedKey[id] ?? new Uint8Array());
      expect(Buffer.from(key).toString('base64')).toBe(readPresharedKey(`${at(record.name)}.conf`));
    }
});

test('after a PoP has left its group, what is sealed to its nodes of tunnels that they do not carry is given up where it is sealed again [N8] [T6]', async () => {
  const told = (name: string) =>
    Object.keys(
      [...daemon.head.snapshot().tunnels.values()].find(({ record }) => record.name === name)?.record
        .sealedPresharedKey ?? {},
    ).sort();
  const before = states();
  expect(before).toContainEqual(expect.stringMatching(/\/one: newest$/));
  expect(await cli(client, 'pop update p3 --no-anycast --replace')).toMatchObject({ code: 0 });
  expect(['one', 'two'].map(told)).toEqual([
    ['p1', 'p3', 'p5', 'p6'],
    ['p1', 'p3', 'p5', 'p6'],
  ]);
  const next = makeIdentity();
  addIdentity(at('own.key'), next);
  await cli(client, `node sealing-key p1 ${recipientOf(next)}`);
  const own = await cli(client, `node reseal p1 --identity ${at('own.key')} --records ${await saved('left')}`);
  expect([own.code, own.stderr]).toEqual([0, expect.stringContaining('3 sealed again') as unknown]);
  expect(['one', 'two'].map(told)).toEqual([
    ['p1', 'p3'],
    ['p1', 'p3'],
  ]);
  expect(states().every((state) => state.endsWith(': newest'))).toBe(true);
});

test('a node that has left with its PoP gives up what was sealed to it [N8] [T6]', async () => {
  const identity = makeIdentity();
  writeIdentityFile(at('p5.key'), identity);
  await client.fabric.setNodeSealingKey({ nodeId: 'p5', sealingPublicKey: recipientOf(identity) });
  const join = `pop update p3 --anycast coast --identity ${at('own.key')} --replace`;
  expect(await cli(client, join)).toMatchObject({ code: 0 });
  const shared = `node reseal p1 --identity ${at('own.key')} --records ${await saved('shared')} --for p5 p6`;
  expect(await cli(client, shared)).toMatchObject({ code: 0 });
  expect(await cli(client, 'pop update p3 --no-anycast --replace')).toMatchObject({ code: 0 });
  const newer = makeIdentity();
  addIdentity(at('p5.key'), newer);
  await client.fabric.setNodeSealingKey({ nodeId: 'p5', sealingPublicKey: recipientOf(newer) });
  const line = async (name: string) =>
    cli(client, `node reseal p5 --identity ${at('p5.key')} --records ${await saved(name)}`);
  const { code, stderr } = await line('gone');
  expect([code, stderr]).toEqual([0, expect.stringContaining('0 sealed again, 2 given up') as unknown]);
  for (const { record } of daemon.head.snapshot().tunnels.values())
    expect(Object.keys(record.sealedPresharedKey).sort()).toEqual(['p1', 'p3']);
  expect((await line('once')).stderr).toContain('0 sealed again');
});

test('records that cannot be read, or an identity file without identity, change nothing [T6]', async () => {
  const before = daemon.head.snapshot().revision;
  for (const [identity, records] of [
    [at('own.key'), at('nothing')],
    [at('nothing'), at('later')],
  ] as const) {
    const { code, stderr } = await cli(client, `node reseal p1 --identity ${identity} --records ${records}`);
    expect([code === 0, stderr]).toEqual([false, expect.stringContaining(at('nothing')) as unknown]);
  }
  expect(daemon.head.snapshot().revision).toBe(before);
});
