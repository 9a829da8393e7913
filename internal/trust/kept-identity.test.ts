import { createPublicKey } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Ca, createCa, issueNodeCertificate, openAuthority } from '#internal/identity/identity.ts';
import { type KeptIdentity, openIdentity } from './trust.ts';

const hourMs = 3600_000;
const now = new Date();
const validity = { now, validForMs: hourMs };
let directory: string;
let [ca, foreign]: Ca[] = [];
let identity: KeptIdentity;
let spki: Buffer;
const at = (name: string): string => join(directory, name);
const files = async (): Promise<readonly string[]> =>
  Promise.all(['ca.pem', 'node.pem', 'node.key'].map((name) => readFile(at(name), 'utf8')));

/** A certificate of p1 for its key unless told otherwise, an hour longer than its first. */
async function signed(by: Ca | undefined, { id = 'p1', key = spki, hours = 2 } = {}): Promise<string> {
  if (by === undefined) throw new Error('no CA');
  const parts = { keyPem: by.privateKeyPem, trustedPem: by.certificatePem, validForMs: hours * hourMs };
  return openAuthority(parts).sign({ id, addresses: [] }, key, now);
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pop44-trust-'));
  [ca, foreign] = await Promise.all(['ours', 'theirs'].map((name) => createCa(name, { now, validForMs: 9 * hourMs })));
  if (ca === undefined) throw new Error('no CA');
  const { certificatePem, privateKeyPem } = await issueNodeCertificate(ca, { id: 'p1', addresses: [] }, validity);
  const texts = { 'ca.pem': ca.certificatePem, 'node.pem': certificatePem, 'node.key': privateKeyPem };
  await Promise.all(Object.entries(texts).map(([name, text]) => writeFile(at(name), text)));
  spki = createPublicKey(privateKeyPem).export({ type: 'spki', format: 'der' });
  identity = openIdentity({ caFile: at('ca.pem'), certificateFile: at('node.pem'), keyFile: at('node.key') });
});
afterAll(() => rm(directory, { recursive: true, force: true }));

test.each([
  ['of a CA that is not trusted', async () => signed(foreign), 'of none of the CAs that are trusted'],
  ['of another node', async () => signed(ca, { id: 'p2' }), 'of node/p2, not of node/p1'],
  ['of another key', async () => signed(ca, { key: await otherKey() }), "not a certificate of this node's key"],
  ['that ends no later', async () => signed(ca, { hours: 1 }), 'ends no later'],
  ['with a CA beside it', async () => `${await signed(ca)}\n${foreign?.certificatePem}`, 'is not one alone'],
  ['that is none', async () => 'x', 'not a certificate of its key in PEM'],
])('a certificate %s is not taken, and nothing changes [S6]', async (_, certificate, problem) => {
  const [before, kept] = [await files(), identity.current()];
  await expect(identity.take(await certificate())).rejects.toThrow(problem);
  expect(await files()).toEqual(before);
  expect(identity.current()).toBe(kept);
});

test('a renewal changes the certificate and never whom this node trusts [S6]', async () => {
  const [caBefore, , keyBefore] = await files();
  const next = await signed(ca);
  await identity.take(next);
  expect(await files()).toEqual([caBefore, next, keyBefore]);
  expect(String(identity.current().ca)).toBe(caBefore);
});

async function otherKey(): Promise<Buffer> {
  if (ca === undefined) throw new Error('no CA');
  const { privateKeyPem } = await issueNodeCertificate(ca, { id: 'p1', addresses: [] }, validity);
  return createPublicKey(privateKeyPem).export({ type: 'spki', format: 'der' });
}
