import { expect, test } from 'vitest';
import { endpointAddress, endpointAt, endpointHost } from './endpoint.ts';

test.each([
  ['198.18.1.2:51820', '198.18.1.2'],
  ['[2001:db8::1]:1', '2001:db8::1'],
  ['[2001:DB8:0::1]:65535', '2001:db8::1'],
])('%s is at %s', (text, address) => {
  expect(endpointAddress(text)).toBe(address);
});

test.each([
  ...['', ':', '198.18.1.2', '198.18.1.2:', '198.18.1.2:0', '198.18.1.2:65536', '198.18.1.2:51820 ', '198.18.1.2:051'],
  ...['2001:db8::1:51820', '[198.18.1.2]:1', '[2001:db8::1]', '[fe80::1%eth0]:1', '[fe80::1]:1', '127.0.0.1:53'],
  ...['0.0.0.0:1', '224.0.0.1:1', 'host.example:1', '198.18.1.2 } ; flush ruleset:1', '198.18.1.2:1\n198.18.1.3:1'],
])('%j is nowhere', (text) => {
  expect(endpointAddress(text)).toBeUndefined();
});

test.each([
  ['198.18.1.2', 1, '198.18.1.2:1'],
  ['2001:db8::1', 51_820, '[2001:db8::1]:51820'],
  ['::1', 4440, '[::1]:4440'],
  ['::ffff:198.18.1.2', 53, '[::ffff:198.18.1.2]:53'],
])('%s at port %d is %s, and is found in it again', (address, port, endpoint) => {
  expect(endpointAt(address, port)).toBe(endpoint);
  expect(endpointHost(endpoint)).toBe(address);
});
