// Flooder: forged handshake initiations at a steady rate, from one UDP socket. A process of its own, run in a namespace:
// `node flooder.ts <server's public key> <address> <port> <a second> <seconds>`; tells on standard output how many it sent.

import { createSocket } from 'node:dgram';
import { realClock } from '#internal/clock/clock.ts';
import { forgedInitiation } from './noise.ts';

/** Different ones: a server keeps nothing of them, so that more would cost us and change nothing. */
const templates = 2_000;
/** Milliseconds: small bursts, as many senders together make them. */
const tickMs = 1;

const [publicKey = '', address = '', port = '', rate = '', seconds = ''] = process.argv.slice(2);
const server = Buffer.from(publicKey, 'base64');
const packets = Array.from({ length: templates }, () => forgedInitiation(server));
const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
await new Promise<void>((resolve) => socket.connect(Number(port), address, resolve));
// An ICMP error of a target that is closed is nothing to us.
socket.on('error', () => {});

let ended = false;
process.once('SIGTERM', () => {
  ended = true;
});
const began = realClock.monotonicMs();
const endMs = Number(seconds) * 1_000;
let sent = 0;
for (let elapsed = 0; elapsed < endMs && !ended; elapsed = realClock.monotonicMs() - began) {
  const due = Math.floor((elapsed / 1_000) * Number(rate));
  const last = due - sent;
  await new Promise<void>((resolve) => {
    if (last <= 0) return resolve();
    for (let at = 1; at <= last; at += 1) {
      const packet = packets[sent % templates];
      sent += 1;
      if (packet !== undefined) socket.send(packet, at === last ? () => resolve() : undefined);
    }
  });
  await realClock.sleep(tickMs);
}
socket.close();
process.stdout.write(`${JSON.stringify({ sent, seconds: (realClock.monotonicMs() - began) / 1_000 })}\n`);
