// A namespace with an address that answers, and one beside it that does not.

import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openPing } from './ping.ts';

const ip = (...args: readonly string[]): string => execFileSync('ip', args, { encoding: 'utf8' });
const path = (name: string): string => `/run/netns/${name}`;
const ping = openPing({ netns: { transport: path('pinga'), pop: path('pingb') } });

beforeAll(() => {
  for (const name of ['pinga', 'pingb']) {
    ip('netns', 'add', name);
    ip('-n', name, 'link', 'set', 'lo', 'up');
  }
  ip('link', 'add', 'wire', 'netns', 'pinga', 'type', 'veth', 'peer', 'name', 'wire', 'netns', 'pingb');
  for (const [name, four, six] of [
    ['pinga', '198.18.0.1/24', '2001:db8::1/64'],
    ['pingb', '198.18.0.2/24', '2001:db8::2/64'],
  ] as const) {
    ip('-n', name, 'address', 'add', four, 'dev', 'wire');
    ip('-n', name, 'address', 'add', six, 'dev', 'wire', 'nodad');
    ip('-n', name, 'link', 'set', 'wire', 'up');
  }
  // A way that the kernel refuses to go.
  ip('-n', 'pinga', 'route', 'add', 'blackhole', '198.18.3.0/24');
});
afterAll(() => {
  for (const name of ['pinga', 'pingb']) ip('netns', 'del', name);
});

test.each(['198.18.0.2', '2001:db8::2'])('%s answers, from both sides', async (address) => {
  const rtt = await ping.echo('transport', address);
  expect(rtt).toBeGreaterThan(0);
  expect(await ping.echo('pop', address.replace(/2$/, '1'), address)).toBeGreaterThan(0);
});

test('who is not there is silent, and what is no address reaches no program', async () => {
  expect(await ping.echo('transport', '198.18.0.9')).toBeUndefined();
  for (const address of ['-f', '198.18.0.2 -f', 'example.org', '198.18.0.0/24', 'fe80::1%wire', ''])
    await expect(ping.echo('transport', address)).rejects.toThrow('is not an address');
  await expect(ping.echo('transport', '198.18.0.2', '-f')).rejects.toThrow('is not an address');
});

test('no way there is told as such', async () => {
  await expect(ping.echo('transport', '198.18.3.1')).rejects.toThrow(/ping .*198\.18\.3\.1/);
  await expect(ping.echo('transport', '203.0.113.1')).rejects.toThrow(/unreachable/);
});

test('no more than 16 at once', async () => {
  const all = await Promise.allSettled(Array.from({ length: 20 }, () => ping.echo('transport', '198.18.0.2')));
  expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(16);
});
