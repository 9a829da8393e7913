import { expect, test } from 'vitest';
import { holdingFlows } from './listing.ts';

// As conntrack(8) 1.4.7 prints them.
const listing = `tcp      6 7439 ESTABLISHED src=44.31.0.7 dst=198.18.100.10 sport=40000 dport=80 src=198.18.100.10 dst=44.31.0.7 sport=80 dport=40000 [ASSURED] mark=69 use=1
udp      17 29 src=198.18.100.10 dst=44.31.1.19 sport=5198 dport=5198 [UNREPLIED] src=44.31.1.19 dst=198.18.100.10 sport=5198 dport=5198 mark=68 use=1
icmp     1 9 src=44.31.2.1 dst=44.31.0.8 type=8 code=0 id=7 src=44.31.0.8 dst=44.31.2.1 type=0 code=0 id=7 mark=0 use=1
icmpv6   58 9 src=2001:db8:44:7::1 dst=2001:db8:1:64::10 type=128 code=0 id=1 src=2001:db8:1:64::10 dst=2001:db8:44:7::1 type=129 code=0 id=1 mark=0 use=1

unknown  47 9 src=nonsense
`;

test.each([
  ['from', ['44.31.0.7/32', '44.31.0.6/32'], ['44.31.0.7/32']],
  ['to, in a longer unit', ['44.31.1.16/28', '44.31.1.0/28'], ['44.31.1.16/28']],
  ['of several lengths', ['44.31.0.8/29', '44.31.2.1/32', '44.31.2.0/32'], ['44.31.0.8/29', '44.31.2.1/32']],
  ['of IPv6', ['2001:db8:44:7::/64', '2001:db8:44:8::/64'], ['2001:db8:44:7::/64']],
  ['of nobody', ['44.31.3.3/32'], []],
])('prefixes that have flows are found: %s', (_, prefixes, holding) => {
  expect(holdingFlows(listing, prefixes)).toEqual(holding);
});
