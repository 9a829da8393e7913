import { createPublicKey, randomBytes, verify, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { createCa, issueWebCertificate } from '#internal/identity/identity.ts';
import { accountKeyOf, signedRequest } from './account-key.ts';
import { certificateId } from './advice.ts';
import { challengeAnswer } from './challenge.ts';
import { readPair, writePair } from './disk.ts';
import { problemOfPair } from './order.ts';
import { problemOf, retryAfterMs } from './problem.ts';
import { adviceMs, renewalTime, retryMs } from './renewal.ts';

const directory = mkdtempSync(join(tmpdir(), 'pop44-acme-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
const now = new Date('2026-07-01T00:00:00Z');
const after = (ms: number): Date => new Date(now.getTime() + ms);

test('whoever holds the secret holds the same account; another secret is another one', () => {
  const secret = randomBytes(32);
  expect(accountKeyOf(secret).thumbprint).toBe(accountKeyOf(secret).thumbprint);
  expect(accountKeyOf(randomBytes(32)).thumbprint).not.toBe(accountKeyOf(secret).thumbprint);
});

test('a request is signed by the key that it names, and a question has no payload (RFC 8555 6.2, 6.3)', () => {
  const key = accountKeyOf(randomBytes(32));
  const head = { url: 'https://ca.example/new', nonce: 'n1' };
  for (const [account, payload] of [
    [undefined, { a: 1 }],
    ['https://ca.example/account/1', undefined],
  ] as const) {
    const sent = JSON.parse(signedRequest(key, { ...head, account }, payload)) as Readonly<
      Record<'protected' | 'payload' | 'signature', string>
    >;
    const fields: unknown = JSON.parse(Buffer.from(sent.protected, 'base64url').toString());
    expect(fields).toEqual({ alg: 'ES256', ...head, ...(account === undefined ? { jwk: key.jwk } : { kid: account }) });
    expect(Buffer.from(sent.payload, 'base64url').toString()).toBe(payload === undefined ? '' : '{"a":1}');
    const publicKey = createPublicKey({ key: { ...key.jwk }, format: 'jwk' });
    const signed = Buffer.from(`${sent.protected}.${sent.payload}`);
    const signature = Buffer.from(sent.signature, 'base64url');
    expect(verify('sha256', signed, { key: publicKey, dsaEncoding: 'ieee-p1363' }, signature)).toBe(true);
  }
});

test.each([
  ['/.well-known/acme-challenge/abc-DEF_09', 'abc-DEF_09.thumb'],
  ['/.well-known/acme-challenge/', undefined],
  ['/.well-known/acme-challenge/a/b', undefined],
  ['/.well-known/acme-challenge/a?b', undefined],
  ['/.well-known/acme-challenge/%3Cscript%3E', undefined],
  [`/.well-known/acme-challenge/${'a'.repeat(257)}`, undefined],
  ['/x/.well-known/acme-challenge/a', undefined],
])('%s is answered with %s', (url, answer) => {
  expect(challengeAnswer(url, 'thumb')).toBe(answer);
});

test('the id of a certificate is that of the example of RFC 9773 4.1', async () => {
  const pem = readFileSync(join(import.meta.dirname, 'testdata', 'rfc9773.pem'));
  expect(await certificateId(new X509Certificate(pem))).toBe('aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE');
});

const life = { notBefore: now, notAfter: after(90 * dayMs) };

test.each([
  ['no advice', undefined, 0, 60 * dayMs],
  ['no advice, by chance earlier', undefined, 1, 55.5 * dayMs],
  ['at once', { start: after(-2 * hourMs), end: after(-hourMs) }, 0.5, -1.5 * hourMs],
  ['later than we would', { start: after(62 * dayMs), end: after(64 * dayMs) }, 0.25, 62.5 * dayMs],
  ['too late to be heard', { start: after(89 * dayMs), end: after(90 * dayMs) }, 0, 75 * dayMs],
])('renewed with %s', (_, window, chance, ms) => {
  expect(renewalTime(life, window, chance)).toEqual(after(ms));
});

test('whatever a server advises, a sixth of the life is left for failures', () => {
  const time = fc.integer({ min: -400 * dayMs, max: 400 * dayMs });
  fc.assert(
    fc.property(
      time,
      fc.integer({ min: 1, max: 90 * dayMs }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (at, ms, chance) => {
        const due = renewalTime(life, { start: after(at), end: after(at + ms) }, chance).getTime();
        expect(due).toBeLessThanOrEqual(after(75 * dayMs).getTime());
        expect(due).toBeGreaterThanOrEqual(Math.min(after(at).getTime(), after(75 * dayMs).getTime()));
      },
    ),
  );
});

test('Let’s Encrypt bears our failures: five at once, and one more each 12 minutes', () => {
  let allowed = 5;
  for (let failures = 1; failures < 100; failures += 1) {
    allowed -= 1;
    expect(allowed, `after ${failures}`).toBeGreaterThanOrEqual(0);
    // By chance all waits are as short as they get.
    allowed = Math.min(5, allowed + retryMs(failures, 0, 0) / (12 * minuteMs));
  }
});

test.each<readonly [string, Parameters<typeof retryMs>, number]>([
  ['an hour at most without a certificate', [30, 0, 0.5], hourMs],
  ['six hours at most with weeks left', [30, 30 * dayMs, 0.5], 6 * hourMs],
  ['a twentieth of what is left', [30, 2 * dayMs, 0.5], 2.4 * hourMs],
  ['what the server asks for', [1, 0, 0.5, 3 * hourMs], 3 * hourMs],
  ['a day at most of what it asks for', [1, 0, 0.5, 90 * dayMs], dayMs],
])('after failures: %s', (_, about, ms) => {
  expect(retryMs(...about)).toBe(ms);
});

test.each([
  [undefined, 6 * hourMs],
  [0, minuteMs],
  [30 * dayMs, dayMs],
  [hourMs, hourMs],
])('advice with a Retry-After of %s ms is good for %s ms', (asked, ms) => {
  expect(adviceMs(asked)).toBe(ms);
});

test.each([
  ['120', 120_000],
  ['Wed, 01 Jul 2026 00:01:00 GMT', minuteMs],
  ['Tue, 30 Jun 2026 00:01:00 GMT', 0],
  ['soon', undefined],
  [undefined, undefined],
])('Retry-After: %s is %s ms', (value, ms) => {
  expect(retryAfterMs({ headers: { 'retry-after': value } }, now)).toBe(ms);
});

test('what a server writes into our log is one short line', () => {
  const detail = `no\n{"level":60}\u001b[31m\u202e${'x'.repeat(1_000)}`;
  const { message, type } = problemOf('ca.example', { type: 'urn:ietf:params:acme:error:rateLimited', detail });
  expect(type).toBe('rateLimited');
  expect(message).toMatch(/^ca\.example: rateLimited: no \{"level":60\} \[31m x+$/);
  expect(message.length).toBeLessThan(450);
});

test('key and certificate come back from the disk as they went, for their owner alone', async () => {
  const validity = { now: new Date(), validForMs: hourMs };
  const ca = await createCa('test', validity);
  const issued = await issueWebCertificate(ca, { name: 'www', hosts: ['localhost'], addresses: [] }, validity);
  const pair = { certificate: issued.certificatePem + ca.certificatePem, key: issued.privateKeyPem };
  const file = join(directory, 'public.pem');
  expect(readPair(file)).toBeUndefined();
  await writePair(file, 'https://ca.example/directory', pair);
  const read = readPair(file);
  expect(read?.server).toBe('https://ca.example/directory');
  expect(problemOfPair({ certificate: read?.certificate ?? '', key: read?.key ?? '' })).toBeUndefined();
  expect(read?.certificate.match(/BEGIN/g)).toHaveLength(2);
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

test('a file that is cut off, or holds another’s key, is of no use and says why', async () => {
  const validity = { now: new Date(), validForMs: hourMs };
  const [one, other] = [await createCa('one', validity), await createCa('other', validity)];
  expect(problemOfPair({ certificate: one.certificatePem, key: other.privateKeyPem })).toBe('is not one of its key');
  const file = join(directory, 'cut.pem');
  writeFileSync(file, one.certificatePem.slice(0, 100));
  const read = readPair(file);
  expect(read === undefined ? '' : problemOfPair(read)).toBe('is not one of its key');
});
