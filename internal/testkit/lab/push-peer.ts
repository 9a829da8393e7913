// Push peer: goes on sending to whoever has called once, as a radio's stream or a download does: a datagram each 50 ms to
// whoever wrote one, a line each 50 ms into every connection. Usage: push-peer.ts PORT

import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';

const port = Number(process.argv[2]);
const everyMs = 50;

const socket = createSocket('udp4');
const callers = new Set<string>();
socket.on('message', (_, { address, port: from }) => {
  const caller = `${address} ${from}`;
  if (callers.has(caller)) return;
  callers.add(caller);
  setInterval(() => socket.send('x', from, address), everyMs);
});
// An ICMP error of somebody who has gone.
socket.on('error', () => {});
socket.bind(port);

createServer((connection) => {
  const timer = setInterval(() => connection.write('x\n'), everyMs);
  connection.on('close', () => clearInterval(timer));
  connection.on('error', () => connection.destroy());
}).listen(port);
