import { expect, test } from 'vitest';
import type { Flow } from '#internal/dataplane/dataplane.ts';
import { flowLine, flowsIn } from './carried.ts';

// As conntrack(8) 1.4.7 prints them.
const tcp =
  'tcp      6 299 ESTABLISHED src=44.31.0.7 dst=198.18.0.1 sport=1024 dport=80 src=198.18.0.1 dst=44.31.0.7 sport=80 dport=1024 [ASSURED] mark=69 use=1';
const udp =
  'udp      17 28 src=198.18.0.1 dst=44.31.0.7 sport=1025 dport=53 [UNREPLIED] src=44.31.0.7 dst=198.18.0.1 sport=53 dport=1025 mark=0 use=1';
const download: Flow = {
  ...{ protocol: 'tcp', from: '44.31.0.7', to: '198.18.0.1', fromPort: 1024, toPort: 80 },
  ...{ state: 'ESTABLISHED', secondsLeft: 299, answered: true, assured: true, mark: 69 },
};

test('what is printed becomes flows, and a line that is read again', () => {
  const flows = flowsIn([tcp, udp, ''].join('\n'));
  expect(flows).toEqual([
    download,
    {
      ...{ protocol: 'udp', from: '198.18.0.1', to: '44.31.0.7', fromPort: 1025, toPort: 53 },
      ...{ state: '', secondsLeft: 28, answered: false, assured: false, mark: 0 },
    },
  ]);
  expect(flows.map(flowLine)).toEqual([
    '-A -t 299 -u SEEN_REPLY,ASSURED -s 44.31.0.7 -d 198.18.0.1 -r 198.18.0.1 -q 44.31.0.7 -p tcp --sport 1024 --dport 80 --reply-port-src 80 --reply-port-dst 1024 --state ESTABLISHED -m 69',
    '-A -t 28 -u UNSET -s 198.18.0.1 -d 44.31.0.7 -r 44.31.0.7 -q 198.18.0.1 -p udp --sport 1025 --dport 53 --reply-port-src 53 --reply-port-dst 1025 -m 0',
  ]);
});

test.each([
  ['a beginning', tcp.replace('ESTABLISHED', 'SYN_SENT')],
  ['an end', tcp.replace('ESTABLISHED', 'TIME_WAIT')],
  ['translated', tcp.replace('dst=44.31.0.7 sport=80', 'dst=44.31.0.9 sport=80')],
  ['an echo', 'icmp     1 9 src=44.31.2.1 dst=44.31.0.8 type=8 code=0 id=7 src=44.31.0.8 dst=44.31.2.1 type=0'],
  ['nonsense', 'tcp src=dst'],
])('what is not worth it, or not known, is left: %s', (_, line) => {
  expect(flowsIn(line)).toEqual([]);
});

test.each([
  ['an address', { from: '44.31.0.7/32' }],
  ['two families', { to: '2001:db8::1' }],
  ['a port', { toPort: 65_536 }],
  ['a state', { state: 'ESTABLISHED -F' }],
  ['a state of UDP', { protocol: 'udp' }],
  ['a mark', { mark: -1 }],
])('no line is made of what is not %s', (_, change) => {
  expect(() => flowLine({ ...download, ...change } as Flow)).toThrow('is not');
});
