import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Client } from '#internal/client/client.ts';
import { makeIdentity, openerOf, recipientOf, seal, writeIdentityFile } from '#internal/sealing/sealing.ts';
import { apiClient } from '#internal/testkit/api-client.ts';
import { type ApiDaemon, type ApiNetwork, apiNetwork } from '#internal/testkit/api-network.ts';
import { cli } from '#internal/testkit/cli-world.ts';
import { memoryStore } from '#internal/testkit/memory-store.ts';
import { nodeRequest, popRequest } from '#internal/testkit/requests.ts';
import { newKeyPair } from './private-key.ts';

const folder = mkdtempSync(join(tmpdir(), 'anycast-'));
const [near, far, stranger] = [makeIdentity(), makeIdentity(), makeIdentity()];
const access = newKeyPair();
const clear = Buffer.from(access.privateKey, 'base64');
let network: ApiNetwork;
let client: Client;
let daemon: ApiDaemon;
const run = (line: string) => cli(client, line);
const file = (name: string): string => join(folder, name);

beforeAll(async () => {
  network = await apiNetwork(memoryStore().follower, ['p1']);
  [daemon] = network.daemons as [ApiDaemon];
  client = apiClient(network, daemon);
  await client.fabric.createNetwork({ name: 'test', allowDocumentationSpace: true });
  for (const [n, identity] of [
    [1, near],
    [2, far],
  ] as const) {
    const own = n === 1 ? { publicKey: access.publicKey } : {};
    await client.fabric.createPop({ pop: { ...popRequest(n), ...own } });
    await client.fabric.createNode({ node: { ...nodeRequest(n), sealingPublicKey: recipientOf(identity) } });
  }
  const sealed = { p1: seal(clear, recipientOf(near)) };
  await client.fabric.setPopAccessKey({ popId: 'p1', publicKey: access.publicKey, sealed });
  writeIdentityFile(file('near'), near);
  writeIdentityFile(file('stranger'), stranger);
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await network[Symbol.asyncDispose]();
});

test('a PoP joins with the key sealed to its nodes, by whoever can open it, and leaves [N8]', async () => {
  expect(await run('anycast create coast --of p1 --description west')).toMatchObject({ code: 0 });
  const without = await run('pop update p2 --anycast coast');
  expect([without.code, without.stderr]).toEqual([2, expect.stringContaining('--identity of a node of the group')]);
  const wrong = await run(`pop update p2 --anycast coast --identity ${file('stranger')}`);
  expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringContaining('opens nothing that has the key')]);
  expect(daemon.head.snapshot().pops.get('p2')?.record.anycastGroupId).toBe('');

  expect(await run(`pop update p2 --anycast coast --identity ${file('near')}`)).toMatchObject({ code: 0 });
  const sealed = daemon.head.snapshot().anycasts.get('coast')?.record.sealedAccessKey ?? {};
  expect(Object.keys(sealed).sort()).toEqual(['p1', 'p2']);
  expect(Buffer.from(openerOf(far).open(sealed['p2'] ?? new Uint8Array()))).toEqual(clear);
  const listed = await run('anycast list');
  expect(listed.stdout).toMatch(/coast\t198\.18\.1\.2\t.*\tp1\tp1 p2\t/);
  expect((await run('anycast get coast')).stdout).toContain('198.18.1.2');
  expect(await run('anycast get nowhere')).toMatchObject({
    code: 3,
    stderr: expect.stringContaining('one of coast') as unknown,
  });
  expect((await run('anycast describe coast')).stdout).toMatch(/\np2\tcore\t198\.18\.1\.2\t/);
  // A PoP is shown as its clients meet it.
  expect((await run('pop list')).stdout).toMatch(/p2\tcore\t198\.18\.1\.2\t/);
  expect(await run('anycast delete coast')).toMatchObject({ code: 3 });

  expect(await run('pop update p2 --no-anycast')).toMatchObject({ code: 0 });
  expect(await run('anycast delete coast')).toMatchObject({ code: 0, stdout: expect.anything() });
  expect((await run('pop list')).stdout).toMatch(/p2\tcore\t198\.18\.2\.2\t/);
});

test('a group that is not there is refused in the daemon’s words', async () => {
  const { code, stderr } = await run('pop update p2 --anycast nowhere');
  expect([code, stderr]).toEqual([3, expect.stringContaining('anycast_group')]);
});
