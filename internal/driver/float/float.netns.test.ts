import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { realClock } from '#internal/clock/clock.ts';
import { emptyDataplane, type Floating, put } from '#internal/dataplane/dataplane.ts';
import { plan } from '#internal/plan/plan.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { openFloat } from './float.ts';
import { addressMetric } from './render.ts';

// Two nodes and a router on one LAN, which is a bridge of the router's.
const nodes = ['fla', 'flb'] as const;
type Node = (typeof nodes)[number];
const warned: string[] = [];
const log = { info: () => undefined, warn: (event: string) => warned.push(event), error: () => undefined };
const drivers = {
  fla: openFloat({ netns: '/run/netns/fla', clock: realClock, log }),
  flb: openFloat({ netns: '/run/netns/flb', clock: realClock, log }),
};

const ip = (space: string, ...args: readonly string[]): string =>
  execFileSync('ip', ['-n', space, ...args], { encoding: 'utf8' });
const macOf = (node: Node): string => {
  const [link] = JSON.parse(ip(node, '-j', 'link', 'show', 'dev', 'eth0')) as [{ address: string }];
  return link.address;
};
const learned = (address: string): string => ip('flr', 'neighbour', 'show', 'to', address);

const want4: Floating = { family: 4, address: '198.18.3.100', gateway: '198.18.3.1' };
const want6: Floating = { family: 6, address: '2001:db8:1:3::100', gateway: '2001:db8:1:3::1' };

async function bring(node: Node, ...floating: readonly Floating[]) {
  const want = emptyDataplane();
  for (const each of floating) put(want, 'floating', each);
  const driver = drivers[node];
  const failures = await driver.apply(plan(want, { ...emptyDataplane(), ...(await driver.observe()) }));
  return { failures, drift: plan(want, { ...emptyDataplane(), ...(await driver.observe()) }) };
}

beforeAll(() => {
  mkdirSync('/run/netns', { recursive: true });
  for (const name of ['flr', ...nodes]) execFileSync('ip', ['netns', 'add', name]);
  for (const name of ['flr', ...nodes])
    for (const setting of ['default.accept_dad=0', 'default.dad_transmits=0'])
      execFileSync('ip', ['netns', 'exec', name, 'sysctl', '-qw', `net.ipv6.conf.${setting}`]);
  ip('flr', 'link', 'add', 'lan', 'type', 'bridge');
  for (const [at, node] of nodes.entries()) {
    ip('flr', 'link', 'add', node, 'master', 'lan', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', node);
    ip('flr', 'link', 'set', node, 'up');
    for (const cidr of [`198.18.3.${at + 2}/24`, `2001:db8:1:3::${at + 2}/64`])
      ip(node, 'address', 'add', cidr, 'dev', 'eth0', ...(cidr.includes(':') ? ['nodad'] : []));
    ip(node, 'link', 'set', 'eth0', 'up');
    ip(node, 'link', 'set', 'lo', 'up');
    ip(node, 'route', 'add', 'default', 'via', '198.18.3.1');
  }
  ip('flr', 'address', 'add', '198.18.3.1/24', 'dev', 'lan');
  ip('flr', 'address', 'add', '2001:db8:1:3::1/64', 'dev', 'lan', 'nodad');
  ip('flr', 'link', 'set', 'lan', 'up');
});
afterAll(async () => {
  for (const node of nodes) await drivers[node].close();
  for (const name of ['flr', ...nodes]) execFileSync('ip', ['netns', 'del', name]);
});

const ping = (space: string, address: string): string =>
  execFileSync('ip', ['netns', 'exec', space, 'ping', '-n', '-c1', '-W2', address], { encoding: 'utf8' });

test('an address stands with its way out on the interface of its gateway, and nothing else is sent from it [N7]', async () => {
  expect(await bring('fla', want4, want6)).toEqual({ failures: [], drift: [] });
  for (const address of [want4.address, want6.address]) expect(ping('flr', address)).toContain('1 received');
  expect(ip('fla', 'route', 'get', '9.9.9.9', 'mark', '0')).toContain('src 198.18.3.2');
  expect(ip('fla', 'route', 'get', '2001:db8:1:3::1')).toContain('src 2001:db8:1:3::2');
  expect(ip('fla', 'route', 'show', 'table', '4400')).toMatch(/default via 198\.18\.3\.1 .*src 198\.18\.3\.100/);
  expect(ip('fla', '-6', 'route', 'show', 'table', '4400')).toMatch(
    /default via 2001:db8:1:3::1 .*src 2001:db8:1:3::100/,
  );
});

test('another node takes it over: the router knows, by both families, though the first one was never told to let go [N7]', async () => {
  for (const { address } of [want4, want6]) expect(learned(address)).toContain(macOf('fla'));
  // Its processes die; its kernel lives on and has the addresses.
  await drivers.fla.close();
  expect((await bring('flb', want4, want6)).failures).toEqual([]);
  await eventually(() => [want4, want6].every(({ address }) => learned(address).includes(macOf('flb'))), 3_000);
  // Whom the router would ask anew might hear both; with the next announcement it is right again.
  ip('flr', 'neighbour', 'flush', 'to', want4.address);
  ping('flr', want4.address);
  await eventually(() => learned(want4.address).includes(macOf('flb')), 3_000);
});

test('what was taken away by hand is drift; what is not wanted any more goes, and its neighbours get no answer', async () => {
  ip('flb', 'address', 'del', `${want4.address}/32`, 'dev', 'eth0');
  const seen = await drivers.flb.observe();
  expect(Object.fromEntries(seen.floating)).toEqual({ 4: { family: 4, address: '', gateway: '' }, 6: want6 });
  expect(await bring('flb', want4, want6)).toEqual({ failures: [], drift: [] });
  ip('flb', 'route', 'del', 'default', 'table', '4400');
  expect((await drivers.flb.observe()).floating.get('4')).toEqual({ ...want4, gateway: '' });
  const moved = { ...want4, address: '198.18.3.101' };
  expect(await bring('flb', moved, want6)).toEqual({ failures: [], drift: [] });
  expect(ip('flb', 'address', 'show', 'dev', 'eth0')).not.toContain(want4.address);
  drivers.fla = openFloat({ netns: '/run/netns/fla', clock: realClock, log });
  for (const node of nodes) expect(await bring(node)).toEqual({ failures: [], drift: [] });
  expect(ip('flb', 'address', 'show', 'dev', 'eth0')).not.toContain(moved.address);
  ip('flr', 'neighbour', 'flush', 'to', moved.address);
  expect(() => ping('flr', moved.address)).toThrow('Command failed');
});

test('a gateway that is no neighbour is a failing step, and nothing stands', async () => {
  const { failures } = await bring('flb', { ...want4, gateway: '203.0.113.1' });
  expect(failures.map(({ message }) => message)).toEqual(['the gateway 203.0.113.1 is no neighbour of this node']);
  expect((await drivers.flb.observe()).floating.size).toBe(0);
  for (const wrong of [
    { ...want4, address: '198.18.3' },
    { ...want4, gateway: '2001:db8::1' },
  ])
    expect((await bring('flb', wrong)).failures[0]?.message).toContain('is not an IPv4 address');
});

test('a node that had none at a look, and made none since, is not asked again; the next one that is wanted finds what stands', async () => {
  expect((await drivers.flb.observe()).floating.size).toBe(0);
  ip('flb', 'address', 'add', '198.18.3.200/32', 'dev', 'eth0', 'metric', String(addressMetric));
  expect((await drivers.flb.observe()).floating.size).toBe(0);
  expect(await bring('flb', want4)).toEqual({ failures: [], drift: [] });
  expect(ip('flb', 'address', 'show', 'dev', 'eth0')).not.toContain('198.18.3.200');
  expect(await bring('flb')).toEqual({ failures: [], drift: [] });
});

test('a gateway that answers is up, one that is silent is down within 4 s, and up again when it is back [N7]', async () => {
  const { flb } = drivers;
  const look = async (gateway: string, until: string) => {
    const seen = new Set<string>();
    const began = performance.now();
    await eventually(async () => {
      const state = await flb.neighbour(gateway);
      seen.add(state);
      if (state !== until) await realClock.sleep(200);
      return state === until;
    }, 10_000);
    return { seen, ms: performance.now() - began };
  };
  for (const gateway of [want4.gateway, want6.gateway]) await look(gateway, 'up');
  ip('flr', 'link', 'set', 'lan', 'down');
  const [four, six] = await Promise.all([look(want4.gateway, 'down'), look(want6.gateway, 'down')]);
  expect(Math.max(four.ms, six.ms)).toBeLessThan(6_000);
  ip('flr', 'link', 'set', 'lan', 'up');
  // IPv6 addresses went with the interface.
  await look(want4.gateway, 'up');
  expect(await flb.neighbour('203.0.113.1')).toBe('down');
  ip('flr', 'link', 'set', 'flb', 'down');
  expect(await flb.neighbour(want4.gateway)).toBe('down');
  ip('flr', 'link', 'set', 'flb', 'up');
  await look(want4.gateway, 'up');
});

test('nothing was amiss', () => {
  expect(warned).toEqual([]);
});
