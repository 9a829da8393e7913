// Delay relay: what comes to a UDP port of this machine goes on to a server after so many milliseconds, and what comes back
// to whoever sent last as late: a client far away, where the kernel has no netem.
//
// Usage: delay-relay.ts PORT ADDRESS SERVER_PORT MILLISECONDS_ONE_WAY

import { createSocket } from 'node:dgram';

const [port = '', address = '', serverPort = '', oneWay = ''] = process.argv.slice(2);
const delayMs = Number(oneWay);
const near = createSocket('udp4');
const far = createSocket('udp4');
let client: { readonly address: string; readonly port: number } | undefined;
// What is refused is lost, as on any network.
near.on('error', () => {});
far.on('error', () => {});
near.on('message', (message, from) => {
  client = from;
  setTimeout(() => far.send(message, Number(serverPort), address), delayMs);
});
far.on('message', (message) => {
  setTimeout(() => client && near.send(message, client.port, client.address), delayMs);
});
near.bind(Number(port), '127.0.0.1');
