import { expect, test } from 'vitest';
import type { Address, Kinds, Route, Rule, Sysctl } from '#internal/dataplane/dataplane.ts';
import { checkSysctl, renderStep } from './render.ts';

type IpStep = Parameters<typeof renderStep>[0];
const address = (dev: string, cidr: string): Address => ({ netns: 'pop', dev, cidr });
const rule: Rule = { netns: 'transport', family: 4, priority: 4400, fwmark: 0x44, table: 4400 };
const route: Route = { netns: 'pop', table: 100, prefix: '44.31.0.0/24', type: 'unicast', dev: 'p44w0' };
const add = <K extends IpStep['kind']>(kind: K, want: Kinds[K]): IpStep =>
  ({ op: 'add', kind, key: '', want }) as unknown as IpStep;
const key = '';

test.each<[string, IpStep, readonly string[]]>([
  [
    'an address of lo with our metric',
    { op: 'add', kind: 'address', key, want: address('lo', '44.31.255.1/32') },
    ['address replace 44.31.255.1/32 dev lo metric 4400'],
  ],
  [
    'an IPv6 address without a probe',
    { op: 'add', kind: 'address', key, want: address('p44i-a', 'fd44::1/127') },
    ['address replace fd44::1/127 dev p44i-a nodad'],
  ],
  [
    'an address that goes',
    { op: 'remove', kind: 'address', key, found: address('p44i-a', '172.30.0.1/31') },
    ['address del 172.30.0.1/31 dev p44i-a'],
  ],
  [
    'a rule',
    { op: 'add', kind: 'rule', key, want: rule },
    ['rule add priority 4400 fwmark 0x44 table 4400 protocol 44'],
  ],
  [
    'a rule that changes',
    { op: 'change', kind: 'rule', key, want: rule, found: { ...rule, table: 0 } },
    ['rule del priority 4400 protocol 44', 'rule add priority 4400 fwmark 0x44 table 4400 protocol 44'],
  ],
  [
    'a route',
    { op: 'add', kind: 'route', key, want: route },
    ['route replace 44.31.0.0/24 table 100 protocol 44 dev p44w0'],
  ],
  [
    'a route by a next hop that the wire never asks for',
    { op: 'add', kind: 'route', key, want: { ...route, prefix: '::/0', dev: 'p44u0', via: 'fe80::44' } },
    ['route replace ::/0 table 100 protocol 44 via fe80::44 dev p44u0 onlink'],
  ],
  [
    'a wire',
    { op: 'add', kind: 'wire', key, want: { netns: 'pop', name: 'p44u0', peer: 'p44u1', mtu: 1500 } },
    [
      'link add name p44u0 type veth peer name p44u1',
      'link set dev p44u0 address 02:44:00:00:00:01 arp off addrgenmode none mtu 1500 up',
      'link set dev p44u1 address 02:44:00:00:00:01 arp off addrgenmode none mtu 1500 up',
    ],
  ],
  [
    'an unreachable one',
    { op: 'add', kind: 'route', key, want: { netns: 'pop', table: 100, prefix: '::/0', type: 'unreachable' } },
    ['route replace unreachable ::/0 table 100 protocol 44'],
  ],
  [
    'a route that led elsewhere',
    { op: 'change', kind: 'route', key, want: route, found: { ...route, dev: '(other)' } },
    ['route del 44.31.0.0/24 table 100 protocol 44', 'route replace 44.31.0.0/24 table 100 protocol 44 dev p44w0'],
  ],
  [
    'a route that ranks elsewhere',
    { op: 'change', kind: 'route', key, want: { ...route, metric: 2003 }, found: { ...route, metric: 2002 } },
    [
      'route replace 44.31.0.0/24 table 100 protocol 44 metric 2003 dev p44w0',
      'route del 44.31.0.0/24 table 100 protocol 44 metric 2002',
    ],
  ],
  [
    'a route that goes',
    { op: 'remove', kind: 'route', key, found: route },
    ['route del 44.31.0.0/24 table 100 protocol 44'],
  ],
])('%s', (_name, step, lines) => {
  expect(renderStep(step).lines).toEqual(lines);
});

test.each<[string, IpStep, string]>([
  ['a device of others', add('address', address('eth0', '44.31.0.1/32')), 'is not lo or an interface of ours'],
  [
    'words after an address',
    add('address', address('lo', '44.31.0.1/32 dev eth0')),
    'is not an address with its length',
  ],
  ['a line after a prefix', add('route', { ...route, prefix: '44.31.0.0/24\nlink del eth0' }), 'is not a prefix'],
  ['a table of all', add('route', { ...route, table: 0 }), 'is not a routing table'],
  ['the table main', add('route', { ...route, table: 254 }), 'is not a routing table of ours'],
  [
    "a rule for every packet of the machine's own",
    add('rule', { netns: 'transport', family: 4, priority: 100, table: 4400 }),
    'is not a priority after main',
  ],
  ['a route to others', add('route', { ...route, dev: 'eth0' }), 'is not an interface of ours'],
  ['a metric', add('route', { ...route, metric: 0.5 }), 'is not a metric'],
  ['a priority', add('rule', { ...rule, priority: 0 }), 'is not a priority'],
  ['a mark', add('rule', { ...rule, fwmark: 2 ** 32 }), 'is not a packet mark'],
])('a bad value never reaches ip: %s', (_name, step, problem) => {
  expect(() => renderStep(step)).toThrow(problem);
});

const sysctl = (name: string, value: string): Sysctl => ({ netns: 'pop', name, value });
test.each([
  sysctl('net.ipv4.conf.p44i-a.rp_filter', '0'),
  sysctl('net.ipv4.ip_local_port_range', '20000 30000'),
  sysctl('net.ipv4.tcp_congestion_control', 'bbr'),
])('%j may be written', (value) => expect(() => checkSysctl(value)).not.toThrow());

test.each([
  [sysctl('kernel.core_pattern', '0'), 'is not a setting of a network namespace'],
  [sysctl('net/../kernel/core_pattern', '0'), 'is not a setting of a network namespace'],
  [sysctl('net.ipv4.ip_forward', '1\n2'), 'is not a value'],
  [sysctl('net.ipv4.ip_forward', '|/bin/sh'), 'is not a value'],
])('%j is never written', (value, problem) => expect(() => checkSysctl(value)).toThrow(problem));
