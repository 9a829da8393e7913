import fc from 'fast-check';
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { canary } from './canary.ts';

const secret32 = fc.uint8Array({ minLength: 32, maxLength: 32 }).filter((bytes) => new Set(bytes).size > 16);
const around = fc.uint8Array({ maxLength: 40 });

const encodings: readonly (readonly [string, (bytes: Buffer) => Buffer])[] = [
  ['as it is', (bytes) => bytes],
  ['in hex', (bytes) => Buffer.from(bytes.toString('hex'))],
  ['in capitals of hex', (bytes) => Buffer.from(bytes.toString('hex').toUpperCase())],
  ['in base64', (bytes) => Buffer.from(bytes.toString('base64'))],
  ['in base64 of URLs', (bytes) => Buffer.from(bytes.toString('base64url'))],
  ['in base64 in JSON of some', (bytes) => Buffer.from(bytes.toString('base64').replaceAll('/', '\\/'))],
];

// This is the test of the test: a searcher that finds nothing proves nothing.
test.each(encodings)('a secret %s is found, whatever stands around it, and cut to two thirds', (_, encode) => {
  fc.assert(
    fc.property(secret32, secret32, around, around, (secret, other, before, after) => {
      const both = canary([
        { name: 'secret', secret },
        { name: 'other', secret: other },
      ]);
      const planted = encode(Buffer.concat([before, secret, after]));
      expect(both.in(planted)).toEqual(['secret']);
      expect(both.in(encode(Buffer.concat([before, secret.subarray(0, 21)])))).toEqual(['secret']);
      expect(both.in(encode(Buffer.concat([secret.subarray(11), after])))).toEqual(['secret']);
      expect(both.in(encode(Buffer.concat([before, after])))).toEqual([]);
    }),
    { numRuns: 40 },
  );
});

test('a secret that is text is found in small letters too', () => {
  const text = 'AGE-SECRET-KEY-18XDXUKH7H8G6T5N9T56UTM4CG2VTCHEAUVPX6CYLN73VTD64WJCQJZQ9XM';
  const birds = canary([{ name: 'identity', secret: Buffer.from(text.slice(16)) }]);
  for (const leak of [text, text.toLowerCase(), `... ${text.slice(30)}`, Buffer.from(text).toString('base64')])
    expect(birds.in(`before ${leak} after`)).toEqual(['identity']);
});

test('files are searched down a tree, but for those that are to hold it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'canary-'));
  const secret = Buffer.from('0123456789abcdefghijklmnopqrstuv');
  const birds = canary([{ name: 'bird', secret }]);
  mkdirSync(join(folder, 'deep'));
  const leak = join(folder, 'deep', 'leak.log');
  const kept = join(folder, 'kept.key');
  writeFileSync(leak, `x\0\0${secret.toString('hex')}`);
  writeFileSync(kept, secret.toString('base64'));
  writeFileSync(join(folder, 'clean'), 'nothing');
  expect(await birds.inFiles(folder, (path) => path === kept)).toEqual([`${leak}: bird`]);
  expect([...(await birds.inFiles(folder))].sort()).toEqual([`${leak}: bird`, `${kept}: bird`].sort());
  rmSync(folder, { recursive: true });
});
