//   Accounts at daemons as an operator starts them: p1 and p2 stand in COREs, p3 in a REGIONAL.

import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { realClock } from '#internal/clock/clock.ts';
import { UserState } from '#internal/gen/pop44/store/v1/people_pb.ts';
import { PopKind } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { goodPassword, mailboxAt, newSecret } from './accounts.ts';
import { type Cluster, raiseCluster } from './cluster.ts';
import { eventually } from './eventually.ts';
import { nodeDirectory } from './lab/places.ts';
import { createPops, nodeRequest, popRequest, publicKey } from './requests.ts';

const directory = '/tmp/people';
let cluster: Cluster;
beforeAll(async () => {
  cluster = await raiseCluster({ directory, clock: realClock });
  const { fabric, pools } = cluster.client();
  await createPops(fabric, 2);
  await fabric.createPop({ pop: { ...popRequest(3), kind: PopKind.REGIONAL, acceptsTunnels: false } });
  await fabric.createNode({ node: nodeRequest(3) });
  await pools.createPool({ prefix: '44.40.0.0/16' });
  await pools.createPool({ prefix: '2001:db8:44::/48' });
}, 60_000);
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

/** Whichever daemon has sent it. */
async function secretOf(address: string, subject: string): Promise<Uint8Array> {
  return eventually(async () => {
    for (const id of ['p1', 'p2']) {
      const maildir = join(nodeDirectory(id), 'state', 'mail');
      if (!(await stat(join(maildir, 'new')).catch(() => undefined))) continue;
      const box = mailboxAt(maildir);
      if (box.to(address).some((text) => text.includes(subject))) return box.secretTo(address, subject);
    }
    return undefined;
  }, 10_000);
}
const refusedWith = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (thrown: { refusal?: { refused: string }; code?: string }) => thrown.refusal?.refused ?? thrown.code,
  );

test('an account is made at one CORE and good at the other; a REGIONAL says where to ask [P2] [S3]', async () => {
  const at = (node: string) => cluster.client({ node }).people;
  await eventually(() => at('p1').listUsers({}), 10_000);
  await at('p1').signUp({ callsign: 'OE1XYZ', email: 'xyz@example.org', password: goodPassword });
  const secret = await secretOf('xyz@example.org', 'confirm your address');
  expect(await at('p2').verify({ secret })).toMatchObject({ state: UserState.PENDING });
  await eventually(() => at('p1').approveUser({ user: 'OE1XYZ' }), 2_000);
  const { bearer, secretHash } = newSecret();
  await eventually(() => at('p2').login({ name: 'OE1XYZ', password: goodPassword, secretHash }), 2_000);
  const user = (node: string) => cluster.client({ node, bearer });
  await eventually(() => user('p1').people.whoAmI({}), 2_000);
  expect(await refusedWith(user('p3').people.whoAmI({}))).toBe('unavailable');
  expect(await refusedWith(at('p3').listUsers({}))).toBe('unavailable');
  expect(await refusedWith(cluster.client({ node: 'p3' }).audit.listAudit({}))).toBe('unavailable');
  expect((await cluster.client().audit.listAudit({})).lines.length).toBeGreaterThan(0);
  // Without a daemon of its own choice a client steps over the REGIONAL.
  const { tunnel } = await cluster.client({ bearer }).tunnels.createTunnel({ name: 'home', publicKey: publicKey() });
  expect(tunnel?.owner).toMatch(/^user\/[0-9a-f]{12}$/);

  // At every daemon within 2 s, an open stream too.
  const stream = user('p1').status.waitApplied({ revision: 2n ** 60n, tunnel: tunnel?.id ?? '' });
  const cut = (async () => {
    for await (const _ of stream);
  })().then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  await user('p1').people.whoAmI({});
  const from = performance.now();
  await at('p2').suspendUser({ user: 'OE1XYZ', reason: 'test' });
  for (const node of ['p1', 'p2'])
    await eventually(async () => (await refusedWith(user(node).people.whoAmI({}))) === 'unauthenticated', 2_000);
  await cut;
  expect(performance.now() - from).toBeLessThan(2_000 * 1.5);
}, 60_000);

test('accounts outlive their daemons: started anew, one knows its logins again; one that is alone answers [S3]', async () => {
  const people = () => cluster.client({ node: 'p1' }).people;
  await people().reinstateUser({ user: 'OE1XYZ' });
  const { bearer, secretHash } = newSecret();
  await people().login({ name: 'xyz@EXAMPLE.org', password: goodPassword, secretHash });
  await cluster.node('p1').daemon.kill();
  await cluster.node('p1').daemon.start();
  await cluster.answering(20_000, ['p1']);
  await eventually(() => cluster.client({ node: 'p1', bearer }).people.whoAmI({}), 5_000);
  // No record of people is on any disk of ours.
  for (const { id } of cluster.nodes) {
    const { stdout } = await cluster.exec(
      id,
      ['grep', '-rlE', 'xyz@|OE1XYZ', join(nodeDirectory(id), 'state', 'snapshot')],
      { accept: [0, 1, 2] },
    );
    expect(stdout).toBe('');
  }
}, 60_000);

test('a flood of logins is turned away; whoever provisions is served [S4]', async () => {
  const people = cluster.client({ node: 'p1' }).people;
  const admin = cluster.client({ node: 'p1' });
  const flood = Array.from({ length: 400 }, (_, n) =>
    refusedWith(people.login({ name: `OE${n % 10}ABC`, password: 'x'.repeat(20), secretHash: newSecret().secretHash })),
  );
  const from = performance.now();
  await admin.tunnels.createTunnel({ name: 'meanwhile', publicKey: publicKey() });
  const tookMs = performance.now() - from;
  const answers = await Promise.all(flood);
  expect(answers.filter((answer) => answer === 'busy').length).toBeGreaterThan(200);
  // On a machine that is busy itself a client may give up waiting first.
  expect(answers.filter((answer) => !['busy', 'unauthenticated', 'pending'].includes(String(answer)))).toEqual([]);
  expect(tookMs).toBeLessThan(2_000);
  // What was refused is written down, in few records.
  const refusals = async () => (await admin.audit.listAudit({})).lines.filter(({ refused }) => refused !== '');
  await eventually(async () => (await refusals()).length > 0, 15_000);
  expect((await refusals()).length).toBeLessThan(4);
}, 60_000);

test('daemons of COREs sign where the logs of all others end, and none contradicts another [S8]', async () => {
  const { audit } = cluster.client({ node: 'p2' });
  const signed = async () => {
    const { signers } = await audit.verifyAudit({});
    return signers.length === 2 && signers.every(({ chains }) => chains > 0);
  };
  // 10 s after a start; p1 was started anew.
  await eventually(signed, 20_000);
  expect((await audit.verifyAudit({})).problems).toEqual([]);
}, 60_000);
