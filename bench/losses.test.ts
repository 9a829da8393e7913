import { expect, test } from 'vitest';
import { backlogLosses, deviceLosses, lostSince, socketLosses, unsent } from './losses.ts';

const dev = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:     112       2    0    0    0     0          0         0      112       2    0    0    0     0       0          0
 p44w0:   81200     406    0    7    0     0          0         0   161200     806    0   31    0     0       0          0
`;
const snmp = `Ip: Forwarding DefaultTTL InReceives OutRequests OutDiscards OutNoRoutes
Ip: 1 64 1000 1000 45 0
Udp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors IgnoredMulti MemErrors
Udp: 900 0 12 900 12 3 0 0 0
UdpLite: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors IgnoredMulti MemErrors
UdpLite: 0 0 0 0 99 0 0 0 0
`;

test('losses are read from what the kernel counts of devices, sockets and processors', () => {
  expect(Object.fromEntries(deviceLosses(dev))).toEqual({
    'lo received': 0,
    'lo sent': 0,
    'p44w0 received': 7,
    'p44w0 sent': 31,
  });
  expect(socketLosses(snmp)).toBe(15);
  expect(unsent(snmp)).toBe(45);
  expect(backlogLosses('0001 0000002a 00 00\n0002 00000000 00 00\n')).toEqual([
    ['processor 0', 42],
    ['processor 1', 0],
  ]);
});

test('what was lost since is told by where, and nothing else', () => {
  const before = new Map([
    ['p1p p44w0 sent', 31],
    ['host sockets', 4],
  ]);
  const now = new Map([...before, ['p1p p44w0 sent', 42], ['processor 0', 2]] as const);
  expect(lostSince(before, now)).toEqual(['p1p p44w0 sent 11', 'processor 0 2']);
});
