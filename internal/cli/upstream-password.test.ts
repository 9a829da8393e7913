import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Client } from '#internal/client/client.ts';
import { passwordIn } from '#internal/dataplane/dataplane.ts';
import type { RecordEvent } from '#internal/model/record.ts';
import { sealedTo } from '#internal/rotation/sealed-to.ts';
import { makeIdentity, openerOf, recipientOf, seal } from '#internal/sealing/sealing.ts';
import { apiClient } from '#internal/testkit/api-client.ts';
import type { ApiDaemon, ApiNetwork } from '#internal/testkit/api-network.ts';
import { apiNetwork } from '#internal/testkit/api-network.ts';
import { cli } from '#internal/testkit/cli-world.ts';
import { memoryStore } from '#internal/testkit/memory-store.ts';
import { nodeRequest, popRequest } from '#internal/testkit/requests.ts';

const folder = mkdtempSync(join(tmpdir(), 'password-'));
const at = (name: string): string => join(folder, name);
const identity = makeIdentity();
let network: ApiNetwork;
let client: Client;
let daemon: ApiDaemon;
beforeAll(async () => {
  network = await apiNetwork(memoryStore().follower, ['p1']);
  [daemon] = network.daemons as [ApiDaemon];
  client = apiClient(network, daemon);
  await client.fabric.createNetwork({ name: 'test', allowDocumentationSpace: true });
  for (const n of [1, 2]) {
    await client.fabric.createPop({ pop: popRequest(n) });
    const sealingPublicKey = n === 1 ? recipientOf(identity) : '';
    await client.fabric.createNode({ node: { ...nodeRequest(n), sealingPublicKey } });
  }
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await network[Symbol.asyncDispose]();
});

const record = (id: string) => daemon.head.snapshot().upstreams.get(id)?.record;
const opened = (id: string): string | undefined =>
  passwordIn(openerOf(identity).open(record(id)?.sealedPassword['p1'] ?? new Uint8Array()));
const create = 'upstream create u1 p1 --plane pop --neighbor4 198.18.11.1 --asn 64500';

test('an upstream is created with the password of a file, which is sealed before it is sent [N2] [S5]', async () => {
  writeFileSync(at('given'), "it's #1; {really}\n");
  const dry = await cli(client, `${create} --password-file ${at('given')} --dry-run -o json`);
  expect([dry.code, record('u1')]).toEqual([0, undefined]);
  const made = await cli(client, `${create} --password-file ${at('given')} -o json`);
  expect([made.code, opened('u1')]).toEqual([0, "it's #1; {really}"]);
  for (const text of [dry, made].flatMap(({ stdout, stderr }) => [stdout, stderr])) {
    expect(text).not.toContain('really');
    // Nor what is sealed: an age file begins so in base64.
    expect(text).not.toContain('YWdlLWVuY3J5');
  }
  expect((await cli(client, 'upstream list', { isTTY: true })).stdout).toMatch(/ PASSWORD\nu1 .* yes\n$/);
});

test('a password is made here, in a file for its owner alone, or taken away [N2]', async () => {
  const line = `upstream password u1 --make ${at('made')}`;
  expect((await cli(client, `${line} --dry-run`)).code).toBe(0);
  expect((await cli(client, line)).code).toBe(0);
  expect(opened('u1')).toBe(readFileSync(at('made'), 'utf8').trim());
  expect(opened('u1')).toMatch(/^[\w-]{24}$/);
  expect(statSync(at('made')).mode & 0o777).toBe(0o600);
  const again = await cli(client, line);
  expect([again.code, again.stderr]).toEqual([2, expect.stringContaining('exists already') as unknown]);
  expect((await cli(client, 'upstream password u1 --none')).code).toBe(0);
  expect(record('u1')?.sealedPassword).toEqual({});
  expect((await cli(client, 'upstream list')).stdout).toMatch(/\tno\n$/);
  expect((await cli(client, 'upstream password u1 --none')).code).toBe(3);
});

test.each([
  ['none of the three', 'upstream password u1', 'one of --file, --make and --none'],
  ['two of the three', 'upstream password u1 --none --file x', 'one of --file, --make and --none'],
  ['no such file', 'upstream password u1 --file /none', '/none cannot be read'],
  ['no such upstream', 'upstream password u9 --none', 'u9 is no upstream'],
  ['a node without a sealing key', `${create.replace('u1 p1', 'u2 p2')} --password-file FILE`, 'p2 has no sealing key'],
])('it is refused: %s', async (_, line, message) => {
  writeFileSync(at('short'), 'pass');
  const { code, stderr } = await cli(client, line.replace('FILE', at('short')));
  expect([code === 0, stderr]).toEqual([false, expect.stringContaining(message) as unknown]);
});

test('what is in a bad file is not repeated', async () => {
  writeFileSync(at('bad'), 'sec"ret');
  const { code, stderr } = await cli(client, `upstream password u1 --file ${at('bad')}`);
  expect([code, stderr]).toEqual([2, expect.stringContaining('is not 1 to 80 characters of ASCII') as unknown]);
  expect(stderr).not.toContain('ret');
});

test('what hangs on an older identity is found, of upstreams too', async () => {
  expect((await cli(client, `upstream password u1 --file ${at('given')}`)).code).toBe(0);
  const events = [...daemon.head.snapshot().upstreams].map(
    ([id, stored]): RecordEvent => ({ kind: 'upstream', id, stored }),
  );
  const openers = [makeIdentity(), identity].map(openerOf);
  expect(sealedTo('p1', events, openers)).toMatchObject([
    { kind: 'upstream', what: 'password of upstream u1', to: 'older', publicKey: '' },
  ]);
  // As node reseal does.
  const next = seal(sealedTo('p1', events, openers)[0]?.clear ?? new Uint8Array(), recipientOf(identity));
  await client.fabric.setUpstreamPassword({ upstream: 'u1', sealed: { p1: next } });
  expect(opened('u1')).toBe("it's #1; {really}");
});
