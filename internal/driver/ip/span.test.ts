import { expect, test } from 'vitest';
import { parseSpans, spanArgs } from './span.ts';

const span = { name: 'p44s', mtu: 1_400, own: '172.30.34.1', far: '172.30.34.2' };

test('it is made where it is to stand, with the socket where it is asked', () => {
  expect(spanArgs(span, '/run/netns/p').join(' ')).toBe(
    'link add name p44s mtu 1400 up netns /run/netns/p type vxlan id 44 local 172.30.34.1 remote 172.30.34.2 dstport 4789 ttl 255 nolearning',
  );
});

test.each([
  ['a name that is not ours', { ...span, name: 'eth0' }],
  ['a host name', { ...span, far: 'sibling' }],
  ['an MTU too small for IPv6', { ...span, mtu: 576 }],
])('does not reach ip(8): %s', (_, bad) => {
  expect(() => spanArgs(bad, '/run/netns/p')).toThrow('is not');
});

/** As iproute2 6.1 prints it, cut to what is looked at. */
const printed = (change: object, data: object): string => {
  const info_data = { id: 44, remote: '172.30.34.2', local: '172.30.34.1', port: 4789, ttl: 255, ...data };
  return JSON.stringify([
    { ifname: 'p44s', flags: ['BROADCAST', 'UP'], mtu: 1_400, linkinfo: { info_kind: 'vxlan', info_data }, ...change },
  ]);
};

test('ours are found, as they are', () => {
  expect(parseSpans(printed({}, {}))).toEqual([span]);
  const six = { remote: undefined, local: undefined, remote6: 'fd44::2', local6: 'fd44::1' };
  expect(parseSpans(printed({}, six))).toEqual([{ ...span, own: 'fd44::1', far: 'fd44::2' }]);
  expect(parseSpans(printed({ ifname: 'vx0' }, {}))).toEqual([]);
  expect(parseSpans('')).toEqual([]);
});

test.each([
  ['down', { flags: [] }, {}],
  ['of another network', {}, { id: 45 }],
  ['by another port', {}, { port: 8472 }],
  ['with a TTL that its far end does not take', {}, { ttl: 64 }],
])('one that is %s is none that is wanted', (_, change, data) => {
  expect(parseSpans(printed(change, data))).toEqual([{ ...span, mtu: 0 }]);
});
