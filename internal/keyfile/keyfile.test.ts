import { createPrivateKey, createPublicKey } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { madeKeyFile } from '#internal/dataplane/ownership.ts';
import { madeKeyFiles, makeInterconnectKey } from './keyfile.ts';

const directory = mkdtempSync(join(tmpdir(), 'pop44-keyfile-'));
afterEach(() => {
  rmSync(directory, { recursive: true });
});
const base = join(directory, 'state', 'interconnect.wgkey');
const fileOf = (publicKey: string): string => madeKeyFile(base, Buffer.from(publicKey, 'base64').toString('hex'));

test('each key has a file of its own, for its owner alone, named by its public half [T6]', () => {
  const now = new Date();
  const [one, other] = [makeInterconnectKey(base, [], now), makeInterconnectKey(base, [], now)];
  expect(one).not.toBe(other);
  expect([...madeKeyFiles(base)].sort()).toEqual([fileOf(one), fileOf(other)].sort());
  expect(statSync(fileOf(one)).mode & 0o777).toBe(0o600);
  const clear = Buffer.from(readFileSync(fileOf(one), 'utf8').trim(), 'base64');
  const pkcs8 = Buffer.concat([Buffer.from('302e020100300506032b656e04220420', 'hex'), clear]);
  const { x } = createPublicKey(createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' })).export({
    format: 'jwk',
  });
  expect(Buffer.from(x ?? '', 'base64url').toString('base64')).toBe(one);
  // A day later those go that nobody names; what is not ours, and the operator's, stay.
  for (const name of ['interconnect.wgkey', 'interconnect.wgkey.old', `mesh.wgkey.${'a'.repeat(64)}`])
    writeFileSync(join(directory, 'state', name), 'x');
  const third = makeInterconnectKey(base, [one], new Date(now.getTime() + 25 * 3600_000));
  expect([...madeKeyFiles(base)].sort()).toEqual([fileOf(one), fileOf(third)].sort());
  expect(readdirSync(join(directory, 'state'))).toHaveLength(5);
  // One that was made within a day may stand in a record that nobody here has seen yet.
  utimesSync(fileOf(third), now, now);
  makeInterconnectKey(base, [one], now);
  expect(madeKeyFiles(base)).toHaveLength(3);
});
