import { expect, test } from 'vitest';
import { announcement } from './frames.ts';

const mac = '02:44:00:00:00:07';
const hex = (address: string): string => announcement(mac, address).toString('hex');

test('an announcement of IPv4 is a request for its own address, to everybody (RFC 5227 2.3)', () => {
  expect(hex('198.18.3.100')).toBe(
    [
      ...['ffffffffffff', '024400000007', '0806'],
      ...['0001', '0800', '06', '04', '0001'],
      ...['024400000007', 'c6120364', '000000000000', 'c6120364'],
    ].join(''),
  );
});

test('of IPv6 it is an advertisement to all nodes that overrides what they know (RFC 4861 7.2.6)', () => {
  // Of the checksum the kernel is the judge: it takes the frame (float.netns.test.ts).
  expect(hex('2001:db8:1:3::100')).toBe(
    [
      ...['333300000001', '024400000007', '86dd'],
      ...['6000', '0000', '0020', '3a', 'ff'],
      ...['20010db8000100030000000000000100', 'ff020000000000000000000000000001'],
      ...['88', '00', 'f6da', '20000000', '20010db8000100030000000000000100', '0201', '024400000007'],
    ].join(''),
  );
});

test.each([['02:44:00:00:00'], ['02:44:00:00:00:0G'], ['']])('no frame from %j', (wrong) => {
  expect(() => announcement(wrong, '198.18.3.100')).toThrow('is not an Ethernet address');
});
test('no frame about what is no address', () => {
  expect(() => announcement(mac, '198.18.3')).toThrow('is no address');
});
