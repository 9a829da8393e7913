import { X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Client } from '#internal/client/client.ts';
import { TrustService } from '#internal/gen/pop44/v1/trust_pb.ts';
import { createCa, issueAdminCertificate } from '#internal/identity/identity.ts';
import { apiClient } from '#internal/testkit/api-client.ts';
import type { ApiDaemon, ApiNetwork } from '#internal/testkit/api-network.ts';
import { apiNetwork } from '#internal/testkit/api-network.ts';
import { memoryStore } from '#internal/testkit/memory-store.ts';
import { createPops } from '#internal/testkit/requests.ts';

let network: ApiNetwork;
let daemon: ApiDaemon;
let client: Client;
beforeAll(async () => {
  network = await apiNetwork(memoryStore().follower, ['p1']);
  [daemon] = network.daemons as [ApiDaemon];
  client = apiClient(network, daemon);
  await createPops(client.fabric, 2);
});
afterAll(() => network[Symbol.asyncDispose]());

const now = new Date();
const dayMs = 24 * 3600_000;
const newCa = async (name: string, validForMs = 400 * dayMs, from = now): Promise<string> =>
  (await createCa(name, { now: from, validForMs })).certificatePem;
const add = (certificate: string, rest: object = {}): Promise<unknown> =>
  client.trust.addAuthority({ certificate, ...rest });
const refusal = (refused: string, said: string) => ({ refusal: { refused, message: expect.stringContaining(said) } });

async function issuedBy(): Promise<string> {
  const ca = await createCa('stranger', { now, validForMs: 400 * dayMs });
  return (await issueAdminCertificate(ca, 'ada', { now, validForMs: 300 * dayMs })).certificatePem;
}
async function foreignlySigned(): Promise<string> {
  // A CA by all that it says of itself; its signature is another's.
  const der = Buffer.from(new X509Certificate(await newCa('mine')).raw);
  der[der.length - 1] = (der.at(-1) ?? 0) ^ 1;
  return `-----BEGIN CERTIFICATE-----\n${der.toString('base64')}\n-----END CERTIFICATE-----\n`;
}

test.each([
  ['nothing', async () => '', 'required', 'is missing'],
  ['no PEM', async () => 'x; drop table', 'invalid', 'is not a certificate in PEM'],
  ['garbage in PEM', async () => '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----', 'invalid', 'is not a'],
  ['a megabyte', async () => 'x'.repeat(1_000_000), 'invalid', '1000000 characters'],
  ['its key', async () => (await createCa('k', { now, validForMs: dayMs })).privateKeyPem, 'invalid', 'a private key'],
  ['two', async () => `${await newCa('one')}${await newCa('two')}`, 'invalid', 'more than one'],
  ['no CA', issuedBy, 'invalid', 'not that of a CA'],
  ['one that a stranger has signed', foreignlySigned, 'invalid', 'not signed by itself'],
  ['one that has ended', () => newCa('x', dayMs, new Date(now.getTime() - 9 * dayMs)), 'invalid', 'ended at'],
  ['one that begins tomorrow', () => newCa('x', 9 * dayMs, new Date(now.getTime() + dayMs)), 'invalid', 'begins at'],
  ['one that ends next month', () => newCa('x', 30 * dayMs), 'invalid', '90 days at least'],
  ['one with the name of another', () => newCa('test'), 'invalid', 'bears the name'],
  ['the one that there is', async () => String(network.ca), 'invalid', ''],
])('%s is not added, and nothing changes [S6]', async (_, certificate, refused, said) => {
  const before = daemon.head.snapshot().revision;
  const outcome = add(await certificate());
  if (said !== '') await expect(outcome).rejects.toMatchObject(refusal(refused, said));
  // An hour is left of it.
  else await expect(outcome).rejects.toMatchObject({ refusal: { refused } });
  expect(daemon.head.snapshot().revision).toBe(before);
  expect(daemon.unexpected).toEqual([]);
});

test('a next one is added, shown, not used before all trust it, and taken back [S6]', async () => {
  expect((await client.trust.listAuthorities({})).authorities).toMatchObject([{ subject: 'CN=test', signs: true }]);
  const certificate = await newCa('next');
  const dry = await client.trust.addAuthority({ certificate, change: { dryRun: true } });
  expect(dry.changed?.decision.join('\n')).toContain('authority/');
  const { authority } = await client.trust.addAuthority({ certificate });
  const id = authority?.id ?? '';
  await expect(add(certificate)).rejects.toMatchObject(refusal('already-exists', ''));
  await expect(add(await newCa('third'))).rejects.toMatchObject(refusal('rotation-open', 'two CAs'));
  const { authorities } = await client.trust.listAuthorities({});
  expect(authorities.find((each) => each.authority?.id === id)).toMatchObject({
    ...{ subject: 'CN=next', signs: false, notTrustedBy: ['p1', 'p2'], usedBy: [] },
  });
  await expect(client.trust.useAuthority({ id })).rejects.toMatchObject({
    refusal: { refused: 'not-ready', obstacles: expect.arrayContaining(['node p2 does not say that it trusts it']) },
  });
  // Its key is not here.
  await expect(client.trust.useAuthority({ id, without: ['p1', 'p2'] })).rejects.toMatchObject(
    refusal('not-ready', 'does not hold'),
  );
  expect((await client.trust.retireAuthority({ id: id.slice(0, 12) })).authority?.retiredBy).not.toBe('');
  await expect(add(certificate)).rejects.toMatchObject(refusal('revoked', 'was retired'));
});

test('an admin has no need of another certificate of the same CA, and a node gets none [S6]', async () => {
  expect((await client.trust.renewAdminCertificate({})).certificate).toBe('');
  const p1 = network.as(TrustService, daemon, await network.identityOf('node', 'p1'));
  const mine = await newCa('mine');
  const id = '00'.repeat(32);
  const calls: readonly (() => Promise<unknown>)[] = [
    () => p1.renewAdminCertificate({}),
    () => p1.addAuthority({ certificate: mine }),
    () => p1.useAuthority({ id }),
    () => p1.retireAuthority({ id }),
  ];
  for (const call of calls) await expect(call()).rejects.toMatchObject({ refusal: { refused: 'forbidden' } });
});
