import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { NodeConfig } from '#internal/config/config.ts';
import { createCa, openAuthorities } from '#internal/identity/identity.ts';
import { newCa } from './new-ca.ts';

const directory = mkdtempSync(join(tmpdir(), 'pop44-new-ca-'));
const at = (name: string): string => join(directory, name);
const config = { tls: { caFile: at('ca.pem') }, ca: { keyFile: at('ca.key') } } as unknown as NodeConfig;
beforeAll(async () => {
  const { certificatePem, privateKeyPem } = await createCa('first', { now: new Date(), validForMs: 1e9 });
  writeFileSync(at('ca.pem'), certificatePem);
  writeFileSync(at('ca.key'), privateKeyPem.trimEnd(), { mode: 0o600 });
});
afterAll(() => rmSync(directory, { recursive: true }));

test.each([
  ['a name with a slash', { name: 'a/b' }, '--name'],
  ['a name of two lines', { name: 'a\nb' }, '--name'],
  ['no name', { name: '' }, '--name'],
  ['the name of the one before', { name: 'first' }, 'is the name of a CA'],
  ['a month', { days: 30 }, '--days'],
  ['no number of days', { days: Number.NaN }, '--days'],
])('%s makes no CA [S6]', async (_, change, problem) => {
  const before = readFileSync(at('ca.key'), 'utf8');
  await expect(newCa(config, { name: 'second', days: 3_650, ...change })).rejects.toThrow(problem);
  expect(readFileSync(at('ca.key'), 'utf8')).toBe(before);
});

test('the key of the next CA goes behind the one before, in a file that nobody else can read [S6]', async () => {
  const pem = await newCa(config, { name: 'second', days: 3_650 });
  const keyPem = readFileSync(at('ca.key'), 'utf8');
  const trustedPem = readFileSync(at('ca.pem'), 'utf8');
  expect(openAuthorities({ keyPem, trustedPem }).map(({ subject }) => subject)).toEqual(['CN=first']);
  const both = openAuthorities({ keyPem, trustedPem: `${trustedPem}${pem}` });
  expect(both.map(({ subject }) => subject)).toEqual(['CN=first', 'CN=second']);
  expect(statSync(at('ca.key')).mode & 0o777).toBe(0o600);
  chmodSync(at('ca.key'), 0o640);
  await expect(newCa(config, { name: 'third', days: 3_650 })).rejects.toThrow('can be read by others');
});
