import { expect, test } from 'vitest';
import { repliesIn } from './probing.ts';

test('replies tell which pings came back and when they were sent, each once', () => {
  const text = `PING 44.32.0.1 (44.32.0.1) 56(84) bytes of data.
[1000.500000] 64 bytes from 44.32.0.1: icmp_seq=1 ttl=60 time=100 ms
[1000.520000] From 198.18.1.2 icmp_seq=2 Destination Host Unreachable
[1000.750000] 64 bytes from 44.32.0.1: icmp_seq=4 ttl=60 time=10.0 ms
[1000.740000] 64 bytes from 44.32.0.1: icmp_seq=3 ttl=60 time=50.0 ms
[1000.760000] 64 bytes from 44.32.0.1: icmp_seq=3 ttl=60 time=70.0 ms (DUP!)
`;
  const { answered, sentMs } = repliesIn(text, 1_000_000);
  expect(answered).toEqual([1, 3, 4]);
  expect(sentMs.map(Math.round)).toEqual([400, 690, 740]);
});
