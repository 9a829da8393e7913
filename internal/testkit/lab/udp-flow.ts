// UDP flow: datagrams to a udp-peer, or from it, as fast as asked; prints how many arrived in how many seconds, counted
// from one second after the first, as JSON.
//
// Usage: udp-flow.ts up|down ADDRESS PORT BIT_PER_SECOND SECONDS BYTES

import { createSocket } from 'node:dgram';
import { setTimeout } from 'node:timers/promises';

const [direction, address = '', port = '', rate = '', seconds = '', size = ''] = process.argv.slice(2);
const bytes = Number(size);
const everyMs = (bytes * 8 * 1_000) / Number(rate);
const count = Math.floor((Number(seconds) * 1_000) / everyMs);
const settleMs = 1_000;

const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
let answer: string | undefined;
let [firstMs, lastMs, packets] = [0, 0, 0];
socket.on('message', (message) => {
  const now = performance.now();
  if (message[0] === 0x7b) answer = message.toString();
  else if (firstMs === 0) firstMs = now;
  else if (now - firstMs > settleMs) {
    packets += 1;
    lastMs = now;
  }
});
const send = (data: Buffer | string): void => socket.send(data, Number(port), address);

if (direction === 'up') {
  const data = Buffer.alloc(bytes);
  const began = performance.now();
  for (let sent = 0; sent < count; ) {
    const due = Math.min(count, Math.floor((performance.now() - began) / everyMs));
    for (; sent < due; sent += 1) send(data);
    await setTimeout(1);
  }
  // Behind all of them in the queue, or lost with them: asked again.
  for (let left = 100; left > 0 && answer === undefined; left -= 1) {
    send('{"count":true}');
    await setTimeout(100);
  }
  process.stdout.write(`${answer ?? '{"packets":0,"seconds":0}'}\n`);
} else {
  send(JSON.stringify({ send: count, bytes, everyMs }));
  for (let left = 600; left > 0 && (firstMs === 0 || performance.now() - Math.max(firstMs, lastMs) < 1_500); left -= 1)
    await setTimeout(100);
  process.stdout.write(`${JSON.stringify({ packets, seconds: (lastMs - firstMs - settleMs) / 1_000 })}\n`);
}
socket.close();
