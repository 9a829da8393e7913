import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { emptyDataplane, type Kinds, type Kind, type MutableDataplane, put } from '#internal/dataplane/dataplane.ts';
import { plan } from '#internal/plan/plan.ts';
import { openIp } from './ip.ts';

const netns = { transport: '/run/netns/ipt', pop: '/run/netns/ipp' };
const driver = openIp({ netns });

const ip = (space: string, ...args: readonly string[]): string =>
  execFileSync('ip', ['-n', space, ...args], { encoding: 'utf8' });

beforeAll(() => {
  mkdirSync('/run/netns', { recursive: true });
  for (const name of ['ipt', 'ipp']) execFileSync('ip', ['netns', 'add', name]);
  for (const name of ['ipt', 'ipp']) ip(name, 'link', 'set', 'lo', 'up');
  for (const name of ['p44w0', 'p44i-a', 'eth0']) {
    ip('ipp', 'link', 'add', name, 'type', 'bridge');
    // No address of its own, which the kernel would call tentative for a second or two and then not.
    ip('ipp', 'link', 'set', name, 'addrgenmode', 'none');
    ip('ipp', 'link', 'set', name, 'up');
  }
});
afterAll(() => {
  for (const name of ['ipt', 'ipp']) execFileSync('ip', ['netns', 'del', name]);
});
beforeEach(async () => {
  await bring(emptyDataplane());
});

type Part = { readonly [K in Kind]?: readonly Kinds[K][] };
function wanted(part: Part): MutableDataplane {
  const into = emptyDataplane();
  for (const [kind, values] of Object.entries(part)) {
    for (const value of values) put(into, kind as Kind, value as Kinds[Kind]);
  }
  return into;
}
const drift = async (want: MutableDataplane) => plan(want, { ...emptyDataplane(), ...(await driver.observe()) });
const bring = async (want: MutableDataplane) => driver.apply(await drift(want));

const everything: Part = {
  sysctl: [
    { netns: 'pop', name: 'net.ipv4.ip_forward', value: '1' },
    { netns: 'pop', name: 'net.ipv6.conf.all.forwarding', value: '1' },
    { netns: 'transport', name: 'net.ipv4.ip_local_port_range', value: '20000 30000' },
  ],
  span: [{ name: 'p44s', mtu: 1_400, own: '172.30.34.1', far: '172.30.34.2' }],
  address: [
    { netns: 'pop', dev: 'p44s', cidr: '169.254.45.1/30' },
    { netns: 'pop', dev: 'lo', cidr: '44.31.255.1/32' },
    { netns: 'pop', dev: 'lo', cidr: '2001:db8:44:ffff::1/128' },
    { netns: 'transport', dev: 'lo', cidr: '44.27.1.1/32' },
    { netns: 'pop', dev: 'p44i-a', cidr: '172.30.0.1/31' },
    { netns: 'pop', dev: 'p44i-a', cidr: 'fd44::1/127' },
  ],
  rule: [
    { netns: 'transport', family: 4, priority: 4400, fwmark: 0x44, table: 4400 },
    { netns: 'transport', family: 6, priority: 4400, fwmark: 0x44, table: 4400 },
    { netns: 'pop', family: 4, priority: 40000, table: 100 },
    { netns: 'pop', family: 6, priority: 40000, table: 100 },
  ],
  wire: [{ netns: 'pop', name: 'p44u0', peer: 'p44u1', mtu: 1500 }],
  route: [
    { netns: 'pop', table: 4399, prefix: '0.0.0.0/0', type: 'unicast', dev: 'p44u0', via: '169.254.44.1' },
    { netns: 'pop', table: 4399, prefix: '::/0', type: 'unicast', dev: 'p44u0', via: 'fe80::44' },
    { netns: 'pop', table: 100, prefix: '44.31.0.0/24', type: 'unicast', dev: 'p44w0' },
    { netns: 'pop', table: 100, prefix: '44.31.7.7/32', type: 'unicast', dev: 'p44w0' },
    { netns: 'pop', table: 100, prefix: '2001:db8:44::/48', type: 'unicast', dev: 'p44w0' },
    { netns: 'pop', table: 100, prefix: '0.0.0.0/0', type: 'unreachable' },
    { netns: 'pop', table: 100, prefix: '::/0', type: 'unreachable' },
    { netns: 'transport', table: 4400, prefix: '44.31.0.0/22', type: 'unreachable' },
  ],
};

test('what was applied is what is observed', async () => {
  const want = wanted(everything);
  expect(await bring(want)).toEqual([]);
  const found = await driver.observe();
  for (const kind of driver.kinds) expect(found[kind]).toEqual(want[kind]);
});

test('what is broken by hand is drift, and mended', async () => {
  const want = wanted(everything);
  await bring(want);
  ip('ipp', 'route', 'del', '44.31.0.0/24', 'table', '100');
  ip('ipp', 'route', 'replace', 'unreachable', '44.31.7.7/32', 'table', '100', 'proto', '44');
  ip('ipp', '-6', 'route', 'add', '2001:db8:45::/48', 'dev', 'p44w0', 'table', '77', 'proto', '44');
  ip('ipp', '-6', 'route', 'del', '::/0', 'table', '100', 'proto', '44');
  ip('ipp', '-6', 'route', 'add', '::/0', 'dev', 'p44w0', 'metric', '5', 'table', '100', 'proto', '44');
  ip('ipp', 'addr', 'add', '172.30.9.9/32', 'dev', 'p44i-a');
  ip('ipp', 'addr', 'del', '44.31.255.1/32', 'dev', 'lo');
  ip('ipt', 'rule', 'del', 'priority', '4400');
  ip('ipp', 'rule', 'del', 'priority', '40000');
  ip('ipp', 'rule', 'add', 'priority', '40000', 'from', '1.2.3.4', 'table', '100', 'protocol', '44');
  execFileSync('ip', ['netns', 'exec', 'ipp', 'sysctl', '-qw', 'net.ipv4.ip_forward=0']);
  const steps = await drift(want);
  expect(steps.map(({ op, kind, key }) => `${op} ${kind} ${key}`).sort()).toEqual([
    'add address pop lo 44.31.255.1/32',
    'add route pop 100 44.31.0.0/24',
    'add rule transport 4 4400',
    'change route pop 100 44.31.7.7/32',
    'change route pop 100 ::/0',
    'change rule pop 4 40000',
    'change sysctl pop net.ipv4.ip_forward',
    'remove address pop p44i-a 172.30.9.9/32',
    'remove route pop 77 2001:db8:45::/48',
  ]);
  expect(await driver.apply(steps)).toEqual([]);
  expect(await drift(want)).toEqual([]);
});

test("routes that the kernel drops with an interface's last address are told and mended", async () => {
  const reasons: string[] = [];
  driver.onDisturbance((reason) => reasons.push(reason));
  const want = wanted(everything);
  await bring(want);
  ip('ipp', 'addr', 'add', '172.30.9.9/32', 'dev', 'p44w0');
  await bring(want);
  expect(reasons).toHaveLength(1);
  expect((await drift(want)).map(({ op, kind }) => `${op} ${kind}`)).toEqual(['add route', 'add route']);
  await bring(want);
  expect(await drift(want)).toEqual([]);
});

test('what does not bear our mark is neither seen nor touched', async () => {
  const others = (): string =>
    ip('ipp', 'addr', 'show', 'dev', 'eth0') +
    ip('ipp', 'route', 'show', 'proto', 'static') +
    ip('ipp', 'rule', 'show', 'priority', '500');
  ip('ipp', 'addr', 'replace', '192.168.1.1/24', 'dev', 'eth0');
  ip('ipp', 'addr', 'replace', '44.31.255.99/32', 'dev', 'lo');
  ip('ipp', 'route', 'replace', '198.18.0.0/15', 'dev', 'p44w0', 'proto', 'static');
  if (ip('ipp', 'rule', 'show', 'priority', '500') === '') ip('ipp', 'rule', 'add', 'priority', '500', 'table', '5');
  const before = others();
  await bring(wanted(everything));
  await bring(emptyDataplane());
  expect(others()).toBe(before);
  expect(ip('ipp', 'addr', 'show', 'dev', 'lo')).toContain('44.31.255.99/32');
  const found = await driver.observe();
  expect([...found.address.keys(), ...found.rule.keys(), ...found.route.keys()]).toEqual([]);
});

test('a step that fails is named, the others are reached', async () => {
  const want = wanted({
    route: [
      { netns: 'pop', table: 100, prefix: '44.31.1.0/24', type: 'unicast', dev: 'p44w0' },
      { netns: 'pop', table: 100, prefix: '44.31.2.0/24', type: 'unicast', dev: 'p44gone' },
      { netns: 'pop', table: 100, prefix: '44.31.3.1/24', type: 'unicast', dev: 'p44w0' },
      { netns: 'pop', table: 100, prefix: '44.31.4.0/24', type: 'unicast', dev: 'eth0' },
      { netns: 'pop', table: 100, prefix: '44.31.5.0/24', type: 'unicast', dev: 'p44w0' },
    ],
    sysctl: [
      { netns: 'pop', name: 'net.ipv4.conf.p44gone.rp_filter', value: '0' },
      { netns: 'pop', name: 'kernel.panic', value: '1' },
      { netns: 'pop', name: 'net.ipv4.conf.all.rp_filter', value: '0' },
    ],
  });
  const failures = await bring(want);
  expect(failures.map(({ step, message }) => `${step.key}: ${message}`).sort()).toEqual([
    expect.stringMatching(/^pop 100 44.31.2.0\/24: Cannot find device "p44gone"$/),
    expect.stringMatching(/^pop 100 44.31.3.1\/24: .*Invalid prefix/),
    'pop 100 44.31.4.0/24: "eth0" is not an interface of ours',
    'pop kernel.panic: "kernel.panic" is not a setting of a network namespace',
    expect.stringMatching(/^pop net.ipv4.conf.p44gone.rp_filter: sysctl .*cannot stat/),
  ]);
  const found = await driver.observe();
  expect([...found.route.keys()]).toEqual(['pop 100 44.31.1.0/24', 'pop 100 44.31.5.0/24']);
});

test('removing what is gone already is a success', async () => {
  await bring(wanted(everything));
  const steps = await drift(emptyDataplane());
  await driver.apply(steps);
  expect(await driver.apply(steps)).toEqual([]);
});

test('a wire is as wanted again whatever another hand did to it, and leads to nobody else', async () => {
  const want = wanted({ wire: [{ netns: 'pop', name: 'p44u0', peer: 'p44u1', mtu: 1500 }] });
  await bring(want);
  for (const hand of [
    ['link', 'set', 'p44u1', 'down'],
    ['link', 'set', 'p44u0', 'arp', 'on'],
    ['link', 'set', 'p44u1', 'address', '02:44:00:00:00:02'],
    ['link', 'set', 'p44u0', 'mtu', '1400'],
    ['link', 'del', 'p44u0'],
  ]) {
    ip('ipp', ...hand);
    expect((await drift(want)).map(({ kind }) => kind)).toEqual(['wire']);
    expect(await bring(want)).toEqual([]);
    expect(await drift(want)).toEqual([]);
  }
  ip('ipp', 'link', 'add', 'veth-a', 'type', 'veth', 'peer', 'name', 'veth-b');
  expect(await drift(want)).toEqual([]);
  ip('ipp', 'link', 'del', 'veth-a');
});
