import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { madeKeyFile } from '#internal/dataplane/ownership.ts';
import { publicKeyOf } from '#internal/x25519/x25519.ts';
import { madeKeyFiles, makeInterconnectKey } from './keyfile.ts';

const directory = mkdtempSync(join(tmpdir(), 'pop44-keyfile-'));
afterEach(() => {
  rmSync(directory, { recursive: true });
});
const base = join(directory, 'state', 'interconnect.wgkey');
const fileOf = (publicKey: string): string => madeKeyFile(base, Buffer.from(publicKey, 'base64').toString('hex'));

const later = (from: Date, hours: number): Date => new Date(from.getTime() + hours * 3600_000);

test('each key has a file of its own, for its owner alone, named by its public half [T6]', () => {
  const now = new Date();
  const one = makeInterconnectKey(base, [], now);
  expect(statSync(fileOf(one)).mode & 0o777).toBe(0o600);
  const other = makeInterconnectKey(base, [one], now);
  expect(one).not.toBe(other);
  expect([...madeKeyFiles(base)].sort()).toEqual([fileOf(one), fileOf(other)].sort());
  const clear = Buffer.from(readFileSync(fileOf(one), 'utf8').trim(), 'base64');
  expect(publicKeyOf(clear).toString('base64')).toBe(one);
  // A day later those go that nobody names; what is not ours, and the operator's, stay.
  for (const name of ['interconnect.wgkey', 'interconnect.wgkey.old', `mesh.wgkey.${'a'.repeat(64)}`])
    writeFileSync(join(directory, 'state', name), 'x');
  const third = makeInterconnectKey(base, [one], later(now, 25));
  expect([...madeKeyFiles(base)].sort()).toEqual([fileOf(one), fileOf(third)].sort());
  expect(readdirSync(join(directory, 'state'))).toHaveLength(5);
});

test('who asks again and again is given the same key, and one that was in use is not given twice [T6]', () => {
  const now = new Date();
  const one = makeInterconnectKey(base, [], now);
  const stranger = Buffer.alloc(32, 7).toString('base64');
  for (const keep of [[], [stranger], []]) expect(makeInterconnectKey(base, keep, now)).toBe(one);
  expect(madeKeyFiles(base)).toEqual([fileOf(one)]);
  // Made within a day, and not in use any more: a leaked key must not come back with the rotation that is to end it.
  const other = makeInterconnectKey(base, [one], now);
  const third = makeInterconnectKey(base, [other], later(now, 1));
  expect(new Set([one, other, third]).size).toBe(3);
  const fourth = makeInterconnectKey(base, [third], later(now, 2));
  expect(() => makeInterconnectKey(base, [fourth], later(now, 3))).toThrow('4 keys were made here within a day');
  expect(() => makeInterconnectKey(base, [one, other, third, fourth], later(now, 3))).toThrow('within a day');
  expect(madeKeyFiles(base)).toHaveLength(4);
  const fifth = makeInterconnectKey(base, [fourth], later(now, 25));
  expect([...madeKeyFiles(base)].sort()).toEqual([fileOf(fourth), fileOf(fifth)].sort());
});
