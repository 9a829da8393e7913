import { expect, test } from 'vitest';
import { tripsIn } from './round-trips.ts';

const listing = (...elements: readonly string[]): string => `table inet pop44 {
	set trips4 {
		typeof ip saddr . udp sport . @th,96,32 . @th,64,32
		size 65536
		flags dynamic,timeout
		timeout 30s
		elements = { ${elements.join(',\n\t\t\t     ')} }
	}
}`;

test.each([
  [
    'what a response led to',
    [
      '198.18.1.2 . 4000 . 0xefbeadde . 0x2000000 expires 29s380ms',
      '198.18.1.2 . 4000 . 0xefbeadde . 0x4000000 expires 29s552ms',
    ],
    [['198.18.1.2:4000', 172]],
  ],
  [
    'what a call led to, whenever data follows',
    [
      '2001:db8::1 . 4000 . 0x1 . 0x1000000 expires 29s',
      '2001:db8::1 . 4000 . 0x1 . 0x2000000 expires 29s600ms',
      '2001:db8::1 . 4000 . 0x1 . 0x4000000 expires 29s900ms',
    ],
    [['[2001:db8::1]:4000', 600]],
  ],
  ['a handshake that nothing has come back for', ['198.18.1.2 . 1 . 0x1 . 0x2000000 expires 380ms'], []],
  [
    'the shortest of two sessions',
    [
      '198.18.1.2 . 1 . 0x1 . 0x2000000 expires 1s',
      '198.18.1.2 . 1 . 0x1 . 0x4000000 expires 1s80ms',
      '198.18.1.2 . 1 . 0x2 . 0x2000000 expires 9s992ms',
      '198.18.1.2 . 1 . 0x2 . 0x4000000 expires 10s',
    ],
    [['198.18.1.2:1', 8]],
  ],
  ['nothing', [], []],
])('a listing tells %s', (_, elements, trips) => {
  expect([...tripsIn(listing(...elements))]).toEqual(trips);
});
