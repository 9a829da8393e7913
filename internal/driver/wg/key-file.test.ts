import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { checkKeyFile, privateKeyIn } from './key-file.ts';

const directory = mkdtempSync(join(tmpdir(), 'pop44-key-file-'));
afterAll(() => {
  rmSync(directory, { recursive: true });
});
const at = (name: string): string => join(directory, name);
/** Clamped already (RFC 7748 5). */
const key = `${'A'.repeat(42)}E=`;
const hex = 'ab'.repeat(32);

test('a link has a key file that the configuration names, or one that was made, and no other [S1]', () => {
  const files = { named: new Set(['/etc/pop44/interconnect.wgkey']), madeBase: '/var/lib/pop44/interconnect.wgkey' };
  for (const own of ['/etc/pop44/interconnect.wgkey', `/var/lib/pop44/interconnect.wgkey.${hex}`])
    expect(() => checkKeyFile(files, own), own).not.toThrow();
  for (const other of [
    '/dev/zero',
    '/etc/shadow',
    '/etc/pop44/node.key',
    `/etc/pop44/interconnect.wgkey.${hex}`,
    '/var/lib/pop44/interconnect.wgkey',
    `/var/lib/pop44/interconnect.wgkey.${hex}/../../../../dev/zero`,
    `/var/lib/pop44/interconnect.wgkey.${hex}\n`,
    `/var/lib/pop44/x/../interconnect.wgkey.${hex}`,
  ])
    expect(() => checkKeyFile(files, other), other).toThrow('is not a key file of this node');
  expect(() => checkKeyFile({ named: files.named }, `undefined.${hex}`)).toThrow('is not a key file of this node');
});

test('what never ends, or nobody writes to, is not read [S1]', async () => {
  writeFileSync(at('key'), `${key}\n`);
  symlinkSync(at('key'), at('link'));
  expect(await privateKeyIn(at('link'))).toBe(await privateKeyIn(at('key')));
  await expect(privateKeyIn('/dev/zero')).rejects.toThrow('/dev/zero is no regular file');
  execFileSync('mkfifo', [at('pipe')]);
  await expect(privateKeyIn(at('pipe'))).rejects.toThrow('is no regular file');
  await expect(privateKeyIn(directory)).rejects.toThrow('is no regular file');
  writeFileSync(at('long'), `${key}\n${'x'.repeat(100_000)}`);
  await expect(privateKeyIn(at('long'))).rejects.toThrow('holds no WireGuard key');
  await expect(privateKeyIn(at('none'))).rejects.toThrow('ENOENT');
});
