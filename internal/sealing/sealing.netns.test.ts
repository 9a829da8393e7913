import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { makeIdentity, openerOf, recipientOf, seal, writeIdentityFile } from './sealing.ts';

const folder = mkdtempSync(join(tmpdir(), 'sealing-age-'));
afterAll(() => rmSync(folder, { recursive: true }));

const identity = makeIdentity();
const identityFile = join(folder, 'sealing.key');
writeIdentityFile(identityFile, identity);
const secret = Buffer.alloc(32, 0xa7);

test('age opens what we seal, we open what age seals, and both read one recipient from an identity [S5]', () => {
  const sealed = join(folder, 'secret.age');
  writeFileSync(sealed, seal(secret, recipientOf(identity)));
  expect(execFileSync('age', ['--decrypt', '--identity', identityFile, sealed])).toEqual(secret);
  const theirs = execFileSync('age', ['--recipient', recipientOf(identity)], { input: secret });
  expect(Buffer.from(openerOf(identity).open(theirs))).toEqual(secret);
  expect(execFileSync('age-keygen', ['-y', identityFile], { encoding: 'utf8' }).trim()).toBe(recipientOf(identity));
});
