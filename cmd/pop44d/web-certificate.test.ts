import { X509Certificate } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { NodeConfig } from '#internal/config/config.ts';
import { createCa } from '#internal/identity/identity.ts';
import { principalOf } from '#internal/rpc/rpc.ts';
import { webCertificate } from './web-certificate.ts';

const directory = mkdtempSync(join(tmpdir(), 'pop44-web-certificate-'));
const at = (name: string): string => join(directory, name);
const config = { tls: { caFile: at('ca.pem') }, ca: { keyFile: at('ca.key') } } as unknown as NodeConfig;
beforeAll(async () => {
  const { certificatePem, privateKeyPem } = await createCa('first', { now: new Date(), validForMs: 1e9 });
  writeFileSync(at('ca.pem'), certificatePem);
  writeFileSync(at('ca.key'), privateKeyPem, { mode: 0o600 });
});
afterAll(() => rmSync(directory, { recursive: true }));

test.each([
  ['a name with a slash', { name: 'a/b' }, '--name'],
  ['no name', { name: '' }, '--name'],
  ['no days', { days: 0 }, '--days'],
  ['no number of days', { days: Number.NaN }, '--days'],
])('%s makes no certificate', async (_, change, problem) => {
  await expect(webCertificate(config, { name: 'www', out: at('bad'), days: 30, ...change })).rejects.toThrow(problem);
  expect(existsSync(at('bad'))).toBe(false);
});

test('a front is named in its certificate, which ends with the CA at the latest, and nobody else reads its key [S6]', async () => {
  await webCertificate(config, { name: 'www', out: at('web'), days: 366 });
  const certificate = new X509Certificate(readFileSync(at('web/web.pem')));
  expect(principalOf(certificate.subjectAltName)).toEqual({ kind: 'web', id: 'www' });
  const ca = new X509Certificate(readFileSync(at('web/ca.pem')));
  expect(certificate.verify(ca.publicKey)).toBe(true);
  expect(certificate.validToDate.getTime()).toBeLessThanOrEqual(ca.validToDate.getTime());
  expect(statSync(at('web/web.key')).mode & 0o777).toBe(0o600);
});

test('a key that others could read, or a link in its place, makes room for one that they cannot [S6]', async () => {
  mkdirSync(at('again'));
  writeFileSync(at('others'), 'theirs');
  for (const prepare of [
    () => writeFileSync(at('again/web.key'), 'old', { mode: 0o644 }),
    () => symlinkSync(at('others'), at('again/web.key')),
  ]) {
    rmSync(at('again/web.key'), { force: true });
    prepare();
    await webCertificate(config, { name: 'www', out: at('again'), days: 30 });
    const { mode } = lstatSync(at('again/web.key'));
    expect(mode.toString(8)).toBe('100600');
    expect(readFileSync(at('again/web.key'), 'utf8')).toContain('PRIVATE KEY');
  }
  expect(readFileSync(at('others'), 'utf8')).toBe('theirs');
});
