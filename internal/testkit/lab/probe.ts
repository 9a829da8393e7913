// Probe: one packet each to ports of an address, as a program on a machine of the lab. Prints what TCP heard, by port:
// connected, refused, or silent. Usage: probe.ts ADDRESS tcp/22 udp/53 udp/5000-5100 ...

import { createSocket } from 'node:dgram';
import { connect } from 'node:net';

const [address = '', ...targets] = process.argv.slice(2);
/** Below a second: then the kernel would send its SYN again (RFC 6298 2.1), and packets are counted. */
const patienceMs = 700;

const heard: Record<string, string> = {};

const knock = (port: number): Promise<void> =>
  new Promise((resolve) => {
    const socket = connect(port, address);
    const end = (what: string): void => {
      heard[port] ??= what;
      socket.destroy();
      resolve();
    };
    socket.on('connect', () => end('connected'));
    socket.on('error', () => end('refused'));
    setTimeout(() => end('silent'), patienceMs);
  });

const sender = createSocket(address.includes(':') ? 'udp6' : 'udp4');
const send = (port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    sender.send('x', port, address, (error) => (error === null ? resolve() : reject(error)));
  });

await Promise.all(
  targets.flatMap((target) => {
    const [protocol = '', ports = ''] = target.split('/');
    const [first = 0, last = first] = ports.split('-').map(Number);
    const each = Array.from({ length: last - first + 1 }, (_, at) => first + at);
    return each.map((port) => (protocol === 'udp' ? send(port) : knock(port)));
  }),
);
sender.close();
process.stdout.write(`${JSON.stringify(heard)}\n`);
