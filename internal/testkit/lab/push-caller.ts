// Push caller: calls a push-peer.ts once by TCP and once by UDP, and then only listens. Writes what has come so far, each 50 ms,
// as JSON into a file. Usage: push-caller.ts ADDRESS PORT FILE

import { createSocket } from 'node:dgram';
import { renameSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';

/** What has come of the two flows that were opened once. */
export interface Pushed {
  readonly tcpBytes: number;
  readonly udpPackets: number;
  /** Of those that came, how many between the first and the last did not. */
  readonly udpLost: number;
  /** Why the connection is no more; empty: it stands. */
  readonly ended: string;
}

const [address = '', port = '', file = ''] = process.argv.slice(2);
const writeEachMs = 50;
let pushed: Pushed = { tcpBytes: 0, udpPackets: 0, udpLost: 0, ended: '' };
let first: number | undefined;
let last = 0;

const connection = connect(Number(port), address);
connection.on('data', (data: Buffer) => {
  pushed = { ...pushed, tcpBytes: pushed.tcpBytes + data.length };
});
connection.on('error', ({ message }) => {
  pushed = { ...pushed, ended: message };
});
connection.on('close', () => {
  if (pushed.ended === '') pushed = { ...pushed, ended: 'closed' };
});

const socket = createSocket('udp4');
socket.on('message', (message) => {
  const number = Number(message.toString());
  first ??= number;
  last = Math.max(last, number);
  const udpPackets = pushed.udpPackets + 1;
  pushed = { ...pushed, udpPackets, udpLost: last - first + 1 - udpPackets };
});
socket.send('x', Number(port), address);

setInterval(() => {
  writeFileSync(`${file}.new`, JSON.stringify(pushed));
  renameSync(`${file}.new`, file);
}, writeEachMs);
