import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

/**
 * systemd's own measure, 0 to 10. The privileged half's is what it is for: two namespaces, netlink, TUN, and the sockets
 * of BIRD and WireGuard, which are its children (ADR 0015 has the list).
 */
const most: Readonly<Record<string, number>> = { pop44d: 2.0, 'pop44d-dataplane': 2.4 };

test.each(Object.entries(most))('the unit %s is exposed by %f at most [S1]', (name, bound) => {
  const file = fileURLToPath(new URL(`../../packaging/systemd/${name}.service`, import.meta.url));
  const { stdout, error } = spawnSync('systemd-analyze', ['security', '--offline=true', file], { encoding: 'utf8' });
  if (error !== undefined) {
    process.stdout.write(`not measured: ${error.message} (Debian package systemd)\n`);
    return;
  }
  const [, exposure] = /Overall exposure level for .*: ([0-9.]+)/.exec(stdout) ?? [];
  expect(Number(exposure)).toBeLessThanOrEqual(bound);
});
