import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parseAddresses, parseBatch, parseBatchErrors, parseRoutes, parseRules, parseSysctls } from './parse.ts';

const testdata = (name: string): string => readFileSync(new URL(`testdata/${name}`, import.meta.url), 'utf8');
const [addresses4 = '', rules4 = '', routes4 = ''] = parseBatch(testdata('inet4.txt'));
const [addresses6 = '', rules6 = '', routes6 = ''] = parseBatch(testdata('inet6.txt'));

test('our addresses: global ones of our links, on lo those with our metric', () => {
  expect([...parseAddresses('pop', addresses4), ...parseAddresses('pop', addresses6)]).toEqual([
    { netns: 'pop', dev: 'lo', cidr: '44.31.255.1/32' },
    { netns: 'pop', dev: 'p44w0', cidr: '172.30.0.1/31' },
    { netns: 'pop', dev: 'p44w0', cidr: 'fd44::1/127' },
  ]);
});

test('our rules, and one that asks for more than ours do as table 0', () => {
  expect([...parseRules('pop', 4, rules4), ...parseRules('pop', 6, rules6)]).toEqual([
    { netns: 'pop', family: 4, priority: 4400, fwmark: 0x44, table: 4400 },
    { netns: 'pop', family: 4, priority: 40000, table: 100 },
    { netns: 'pop', family: 4, priority: 40001, table: 0 },
    { netns: 'pop', family: 6, priority: 40000, table: 100 },
  ]);
});

test('our routes with their next hops, and the metric that one bears', () => {
  const route = { netns: 'pop', table: 100 };
  expect([...parseRoutes('pop', 4, routes4), ...parseRoutes('pop', 6, routes6)]).toEqual([
    { ...route, prefix: '0.0.0.0/0', type: 'unreachable' },
    { ...route, prefix: '44.31.0.0/24', type: 'unicast', dev: 'p44w0' },
    { ...route, prefix: '44.31.7.7/32', type: 'unicast', dev: 'v0', via: '198.18.0.2' },
    { ...route, prefix: '2001:db8:44::/48', type: 'unicast', dev: 'p44w0' },
    { ...route, prefix: '2001:db8:45::/48', type: 'unreachable' },
    { ...route, prefix: '::/0', type: 'unicast', dev: 'p44w0', metric: 5 },
  ]);
});

test('an unreachable route with the metric that it bears', () => {
  const json = '[{"type":"7","dst":"192.0.0.8","protocol":"44","table":"4397","metric":2002,"flags":[]}]';
  expect(parseRoutes('transport', 4, json)).toEqual([
    { netns: 'transport', table: 4397, prefix: '192.0.0.8/32', type: 'unreachable', metric: 2002 },
  ]);
});

test('nothing is read from empty lists', () => {
  expect([parseAddresses('pop', '[{},{}]'), parseRules('pop', 4, '[]'), parseRoutes('pop', 4, '')]).toEqual([
    [],
    [],
    [],
  ]);
});

test('settings with their values on one space', () => {
  expect(parseSysctls('pop', testdata('sysctl.txt'))).toEqual([
    { netns: 'pop', name: 'net.ipv4.ip_forward', value: '0' },
    { netns: 'pop', name: 'net.ipv4.ip_local_port_range', value: '32768 60999' },
  ]);
});

test('failures of a batch by their line', () => {
  expect([...parseBatchErrors(testdata('errors.txt'))]).toEqual([
    [2, 'Cannot find device "nope"'],
    [3, 'RTNETLINK answers: No such file or directory'],
    [4, 'Error: ipv4: Address already assigned.'],
  ]);
});
