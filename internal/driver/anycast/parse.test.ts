import { expect, test } from 'vitest';
import { anycastAddress, anycastHops, anycastMac, mostAnycastNumber } from '#internal/dataplane/ownership.ts';
import { parseMark, parseMeshRoutes, parseRelayed, parseSent } from './parse.ts';
import { calledLines, heldLines, sourceOf, tablesText } from './render.ts';

test('who is relayed, and since when, of both families', () => {
  const elem = (address: string, expires: number) => ({
    elem: { val: { concat: [address, 40_000] }, timeout: 30, expires },
  });
  const json = JSON.stringify({
    nftables: [
      { metainfo: { version: '1.0.6' } },
      { set: { name: 'relayed', elem: [elem('198.18.3.2', 28), elem('2001:db8:1:3::2', 30)] } },
    ],
  });
  expect(parseRelayed(json)).toEqual([
    { endpoint: '198.18.3.2:40000', agoMs: 2_000 },
    { endpoint: '[2001:db8:1:3::2]:40000', agoMs: 0 },
  ]);
  expect(parseRelayed('{"nftables":[{"set":{"name":"relayed"}}]}')).toEqual([]);
});

test('a link that is down, or another one, bears no mark', () => {
  const link = { ifname: 'p44a', flags: ['UP'], ifalias: 'abc' };
  expect(parseMark(JSON.stringify([link]))).toBe('abc');
  expect(parseMark(JSON.stringify([{ ...link, flags: [] }]))).toBe('');
  expect(parseMark(JSON.stringify([{ ...link, ifname: 'p44m' }]))).toBe('');
  expect(parseMark('')).toBe('');
});

test('routes and packets of the link', () => {
  expect([...parseMeshRoutes('[{"dst":"240.0.0.2","flags":[]},{"dst":"240.0.0.3","dev":"uplink"}]')]).toEqual([
    '240.0.0.2',
  ]);
  const text =
    'Inter-| Receive\n  p44a: 100 2 0 0 0 0 0 0 16360 20 0 4 0 0 0 0\n p44ab: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n';
  expect(parseSent(text)).toBe(20);
  expect(parseSent('Inter-|')).toBeUndefined();
});

test('a node is called by its number, in addresses that nobody has', () => {
  expect([anycastAddress(1), anycastHops[4](1), anycastHops[6](1), anycastMac(1)]).toEqual([
    '240.0.0.1',
    '248.0.0.1',
    'fe80::44:0:1',
    '02:44:00:00:00:01',
  ]);
  // Broadcast's address is nobody's hop.
  const most = mostAnycastNumber;
  expect([anycastAddress(most), anycastHops[4](most), anycastMac(most)]).toEqual([
    '245.169.21.254',
    '253.169.21.254',
    '02:44:05:a9:15:fe',
  ]);
});

test('what is there is replaced whether its time is over or not, and rules are as many for one client as for all', () => {
  const source = sourceOf('[2001:db8::1]:9');
  expect(source).toEqual({ family: 6, key: '2001:db8::1 . 9' });
  expect(heldLines(source, 1, { number: 2, seconds: 190 })).toEqual([
    'add element ip6 pop44a elsewhere { 2001:db8::1 . 9 timeout 1s : fe80::44:0:1 }',
    'delete element ip6 pop44a elsewhere { 2001:db8::1 . 9 }',
    'add element ip6 pop44a elsewhere { 2001:db8::1 . 9 timeout 190s : fe80::44:0:2 }',
  ]);
  expect(calledLines(sourceOf('198.18.1.2:5'), false)).toEqual([
    'add element ip pop44a called { 198.18.1.2 . 5 }',
    'delete element ip pop44a called { 198.18.1.2 . 5 }',
  ]);
  const many = Array.from({ length: 50 }, (_, at) => at + 2);
  const of = { name: 'p44a', number: 1, endpoints: ['198.18.200.1'], ports: [51820] };
  const lines = (others: readonly number[]): number => tablesText({ ...of, others }).split('\n').length;
  expect(lines(many)).toBe(lines([2]));
});
