// Push peer: goes on sending to whoever has called once, as a radio's stream or a download does: a datagram with its
// number each 20 ms to whoever wrote one, a line each 20 ms into every connection. Usage: push-peer.ts PORT

import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';

const port = Number(process.argv[2]);
const everyMs = 20;

const socket = createSocket('udp4');
const callers = new Set<string>();
socket.on('message', (_, { address, port: from }) => {
  const caller = `${address} ${from}`;
  if (callers.has(caller)) return;
  callers.add(caller);
  let number = 0;
  setInterval(() => {
    socket.send(String(number), from, address);
    number += 1;
  }, everyMs);
});
// An ICMP error of somebody who has gone.
socket.on('error', () => {});
socket.bind(port);

createServer((connection) => {
  const timer = setInterval(() => connection.write('x\n'), everyMs);
  connection.on('close', () => clearInterval(timer));
  connection.on('error', () => connection.destroy());
}).listen(port);
