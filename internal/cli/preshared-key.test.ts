import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Client } from '#internal/client/client.ts';
import { Fault } from '#internal/errors/errors.ts';
import { makeIdentity, openerOf, recipientOf, writeIdentityFile } from '#internal/sealing/sealing.ts';
import { apiClient } from '#internal/testkit/api-client.ts';
import type { ApiDaemon, ApiNetwork } from '#internal/testkit/api-network.ts';
import { apiNetwork } from '#internal/testkit/api-network.ts';
import { cli } from '#internal/testkit/cli-world.ts';
import { memoryStore } from '#internal/testkit/memory-store.ts';
import { nodeRequest, popRequest } from '#internal/testkit/requests.ts';
import { newKeyPair, readKeyPair, readPresharedKey } from './private-key.ts';

const identities = [makeIdentity(), makeIdentity()];
let network: ApiNetwork;
let client: Client;
let daemon: ApiDaemon;
const access = newKeyPair();
beforeAll(async () => {
  network = await apiNetwork(memoryStore().follower, ['p1']);
  [daemon] = network.daemons as [ApiDaemon];
  client = apiClient(network, daemon);
  await client.fabric.createNetwork({ name: 'test', allowDocumentationSpace: true });
  for (const [at, identity] of identities.entries()) {
    const n = at + 1;
    const pop = { ...popRequest(n), ...(n === 1 ? { publicKey: access.publicKey } : {}) };
    await client.fabric.createPop({ pop });
    await client.fabric.createNode({ node: { ...nodeRequest(n), sealingPublicKey: recipientOf(identity) } });
  }
  for (const prefix of ['44.31.0.0/22', '2001:db8:44::/48']) await client.pools.createPool({ prefix });
});
afterAll(() => network[Symbol.asyncDispose]());

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'preshared-'));
});
afterEach(() => rmSync(folder, { recursive: true }));
const at = (name: string): string => join(folder, name);
const text = (name: string): string => readFileSync(at(name), 'utf8');
const keyIn = (name: string): string => readPresharedKey(at(name)) ?? 'none';

/** What each node would open of a tunnel's record. */
async function openedKeys(tunnel: string): Promise<readonly string[]> {
  const { tunnel: found } = await client.tunnels.getTunnel({ tunnel });
  const record = daemon.head.snapshot().tunnels.get(found?.id ?? '')?.record;
  return identities.map((identity, index) => {
    const sealed = record?.sealedPresharedKey[`p${index + 1}`] ?? new Uint8Array();
    return Buffer.from(openerOf(identity).open(sealed)).toString('base64');
  });
}

test('a pre-shared key is made here, is in the file, and reaches the nodes sealed [T6] [S5]', async () => {
  const line = `tunnel create one --file ${at('one.conf')} --preshared-key`;
  const { code, stdout, stderr } = await cli(client, line);
  expect([code, statSync(at('one.conf')).mode & 0o777]).toEqual([0, 0o600]);
  expect(text('one.conf')).toMatch(/^\[Peer\]\nPublicKey = \S+\nPresharedKey = [A-Za-z0-9+/]{43}=\nEndpoint/m);
  expect(await openedKeys('one')).toEqual([keyIn('one.conf'), keyIn('one.conf')]);
  expect(stdout + stderr).not.toContain(keyIn('one.conf'));
  expect(stdout).toContain('pre-shared key\tyes\n');
  // The same file again, from the one that has both keys and from no other.
  const again = await cli(client, `tunnel file one --key-file ${at('one.conf')}`);
  expect(again.stdout).toBe(text('one.conf'));
  writeFileSync(at('one.key'), `${readKeyPair(at('one.conf'))?.privateKey}\n`);
  const without = await cli(client, `tunnel file one --key-file ${at('one.key')}`);
  expect([without.code, without.stderr]).toEqual([2, expect.stringContaining('rotate-psk') as unknown]);
});

test('a dry run shows sizes and makes no file; without --file there is nowhere to keep it', async () => {
  const dry = await cli(client, `tunnel create dry --file ${at('dry.conf')} --preshared-key --dry-run`);
  expect([dry.code, dry.stdout]).toEqual([0, expect.stringContaining('"p2":"232 bytes"') as unknown]);
  expect(readdirSync(folder)).toEqual([]);
  const nowhere = await cli(client, `tunnel create dry --key-file ${at('dry.key')} --preshared-key`);
  expect([nowhere.code, nowhere.stderr]).toEqual([2, expect.stringContaining('--file OUT.conf') as unknown]);
});

test('rotate-psk writes a new file beside the old one, and the nodes have its key [T6]', async () => {
  await cli(client, `tunnel create two --file ${at('two.conf')}`);
  expect(keyIn('two.conf')).toBe('none');
  const first = await cli(client, `tunnel rotate-psk two --key-file ${at('two.conf')} --file ${at('two-b.conf')}`);
  expect([first.code, first.stderr]).toEqual([0, expect.stringContaining('within 120 s') as unknown]);
  expect(await openedKeys('two')).toEqual([keyIn('two-b.conf'), keyIn('two-b.conf')]);
  await cli(client, `tunnel rotate-psk two --key-file ${at('two-b.conf')} --file ${at('two-c.conf')}`);
  expect(await openedKeys('two')).toEqual([keyIn('two-c.conf'), keyIn('two-c.conf')]);
  expect(keyIn('two-c.conf')).not.toBe(keyIn('two-b.conf'));
  expect(text('two-c.conf')).toBe(text('two-b.conf').replace(keyIn('two-b.conf'), keyIn('two-c.conf')));
  const over = await cli(client, `tunnel rotate-psk two --key-file ${at('two.conf')} --file ${at('two-b.conf')}`);
  expect([over.code, over.stderr]).toEqual([2, expect.stringContaining('exists already') as unknown]);
  const foreign = await cli(client, `tunnel rotate-psk one --key-file ${at('two.conf')} --file ${at('x.conf')}`);
  expect([foreign.code, foreign.stderr]).toEqual([2, expect.stringContaining("is not this tunnel's") as unknown]);
  expect(await openedKeys('two')).toEqual([keyIn('two-c.conf'), keyIn('two-c.conf')]);
});

test.each([
  ['may have happened', 'pending', ['lost.conf', 'three.conf']],
  ['did not happen', 'unavailable', ['three.conf']],
])('after a rotation that %s the new key stays only where it may be needed', async (_, code, files) => {
  await cli(client, `tunnel create three-${code} --file ${at('three.conf')}`);
  const failing: Client = {
    ...client,
    tunnels: { ...client.tunnels, updateTunnel: () => Promise.reject(new Fault(code, 'gone')) },
  };
  const line = `tunnel rotate-psk three-${code} --key-file ${at('three.conf')} --file ${at('lost.conf')}`;
  expect((await cli(failing, line)).code).toBe(1);
  expect(readdirSync(folder)).toEqual(files);
});

test('a daemon that gives no recipient, or a bad one, gets nothing', async () => {
  const lying: Client = {
    ...client,
    tunnels: {
      ...client.tunnels,
      getSealingRecipients: async () => ({ recipients: { p1: 'age1qqqq' } }) as never,
    },
  };
  const { code, stderr } = await cli(lying, `tunnel create four --file ${at('four.conf')} --preshared-key`);
  expect([code, stderr]).toEqual([1, expect.stringContaining('p1 has no sealing key') as unknown]);
  expect(readdirSync(folder)).toEqual([]);
});

test('the key of a PoP is sealed to its nodes, again when a node comes, by who can open it [S5]', async () => {
  const recovery = makeIdentity();
  writeIdentityFile(at('recovery'), recovery);
  writeIdentityFile(at('stranger'), makeIdentity());
  writeIdentityFile(at('p1'), identities[0] ?? recovery);
  writeFileSync(at('access.key'), `${access.privateKey}\n`);
  const sealedTo = (): Readonly<Record<string, Uint8Array>> =>
    daemon.head.snapshot().pops.get('p1')?.record.sealedAccessKey ?? {};
  const opened = (id: string, identity = recovery): string =>
    Buffer.from(openerOf(identity).open(sealedTo()[id] ?? new Uint8Array())).toString('base64');

  const refused = await cli(client, 'pop key create p1');
  expect([refused.code, refused.stderr]).toEqual([3, expect.stringContaining('in-use') as unknown]);
  const create = `pop key create p1 --key-file ${at('access.key')} --recovery ${recipientOf(recovery)}`;
  const made = await cli(client, create);
  expect([made.code, made.stderr]).toEqual([0, 'the key of PoP p1 is sealed to p1, @recovery\n']);
  expect([opened('p1', identities[0]), opened('@recovery')]).toEqual([access.privateKey, access.privateKey]);
  expect(made.stdout + made.stderr).not.toContain(access.privateKey);

  // A second node without a sealing key, then with one.
  const joined = makeIdentity();
  await client.fabric.createNode({ node: { ...nodeRequest(7), id: 'p1b', popId: 'p1', sealingPublicKey: '' } });
  const early = await cli(client, `pop key reseal p1 --identity ${at('p1')}`);
  expect([early.code, early.stderr]).toEqual([2, expect.stringContaining('pop44 node sealing-key p1b') as unknown]);
  expect((await cli(client, `node sealing-key p1b ${recipientOf(joined)}`)).code).toBe(0);
  const before = opened('@recovery');
  for (const by of ['p1', 'recovery']) {
    const { code, stderr } = await cli(client, `pop key reseal p1 --identity ${at(by)}`);
    expect([code, stderr]).toEqual([0, 'the key of PoP p1 is sealed to p1, p1b, @recovery\n']);
    expect([opened('p1b', joined), opened('@recovery')]).toEqual([access.privateKey, before]);
  }
  const stranger = await cli(client, `pop key reseal p1 --identity ${at('stranger')}`);
  expect([stranger.code, stranger.stderr]).toEqual([1, expect.stringContaining('opens nothing') as unknown]);

  // A tunnel whose key the new node was not given says so, and a rotation is the cure.
  expect((await cli(client, 'tunnel get one')).stdout).toContain('not sealed to p1b');
  const replaced = await cli(client, 'pop key create p1 --replace');
  expect([replaced.code, sealedTo()]).toEqual([
    0,
    expect.not.objectContaining({ '@recovery': expect.anything() }) as unknown,
  ]);
  expect(daemon.head.snapshot().pops.get('p1')?.record.publicKey).not.toBe(access.publicKey);
});
