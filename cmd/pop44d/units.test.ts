import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { places, tlsDirectory } from './places.ts';

/**
 * systemd's own measure, 0 to 10. What the privileged half has left is what it is for: two namespaces, netlink, TUN, and
 * the sockets of BIRD and WireGuard, which are its children (ADR 0015 has the list).
 */
const most: Readonly<Record<string, number>> = { pop44d: 2.0, 'pop44d-dataplane': 2.0, 'pop44-web': 2.0 };

const fileOf = (name: string): string =>
  fileURLToPath(new URL(`../../packaging/systemd/${name}.service`, import.meta.url));

test.for(Object.entries(most))('the unit %s is exposed by %f at most [S1]', ([name, bound], ctx) => {
  const argv = ['security', '--offline=true', fileOf(name)];
  const { stdout, error } = spawnSync('systemd-analyze', argv, { encoding: 'utf8' });
  if (error !== undefined) ctx.skip(`allowed: ${error.message} (Debian package systemd)`);
  const [, exposure] = /Overall exposure level for .*: ([0-9.]+)/.exec(stdout) ?? [];
  expect(Number(exposure)).toBeLessThanOrEqual(bound);
});

/** What systemd makes for a unit and gives to its user, and what it leaves writable (systemd.exec(5)). */
function writableBy(name: string): readonly string[] {
  const roots = { StateDirectory: '/var/lib', RuntimeDirectory: '/run', ReadWritePaths: '/' };
  const text = readFileSync(fileOf(name), 'utf8');
  return Object.entries(roots).flatMap(([setting, root]) =>
    [...text.matchAll(new RegExp(`^${setting}=(.*)$`, 'gm'))].flatMap(([, value = '']) =>
      value.split(' ').map((path) => join(root, path.replace(/^-/, ''))),
    ),
  );
}

test('each half may write where a node that has joined has its files, and not where the other has [S1]', () => {
  const { dir, stateDir, runDir, madeKeysDir } = places;
  expect(writableBy('pop44d')).toEqual([stateDir, join(dir, tlsDirectory)]);
  expect(writableBy('pop44d-dataplane')).toEqual([madeKeysDir, runDir, '/run/wireguard', '/proc/sys/net']);
});
