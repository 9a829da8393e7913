// UDP peer: counts the datagrams that come, and sends as many as it is asked for to whoever asks.
//
//   anything else                      counted for its sender
//   {"count":true}                     answered with what came from there: {"packets":N,"seconds":S}
//   {"send":N,"bytes":B,"everyMs":M}   N datagrams of B bytes, one each M ms
//
// Usage: udp-peer.ts PORT

import { createSocket } from 'node:dgram';
import { setTimeout } from 'node:timers/promises';

interface Ask {
  readonly count?: boolean;
  readonly send?: number;
  readonly bytes?: number;
  readonly everyMs?: number;
}

const arrivals = new Map<string, { firstMs: number; lastMs: number; packets: number }>();
/** Queues are full by then. */
const settleMs = 1_000;

const socket = createSocket('udp6');
socket.on('message', (message, from) => {
  const name = `${from.address} ${from.port}`;
  const now = performance.now();
  if (message[0] !== 0x7b) {
    const seen = arrivals.get(name);
    if (seen === undefined) arrivals.set(name, { firstMs: now, lastMs: now, packets: 0 });
    else if (now - seen.firstMs > settleMs) {
      seen.packets += 1;
      seen.lastMs = now;
    }
    return;
  }
  const ask = JSON.parse(message.toString()) as Ask;
  const answer = (data: Buffer | string): void => socket.send(data, from.port, from.address);
  if (ask.count === true) {
    const { firstMs, lastMs, packets } = arrivals.get(name) ?? { firstMs: 0, lastMs: 0, packets: 0 };
    answer(JSON.stringify({ packets, seconds: (lastMs - firstMs - settleMs) / 1_000 }));
  } else void flow(ask, answer);
});

async function flow({ send = 0, bytes = 1, everyMs = 1 }: Ask, answer: (data: Buffer) => void): Promise<void> {
  const data = Buffer.alloc(bytes);
  const began = performance.now();
  for (let sent = 0; sent < send; ) {
    const due = Math.min(send, Math.floor((performance.now() - began) / everyMs));
    for (; sent < due; sent += 1) answer(data);
    await setTimeout(1);
  }
}

socket.bind(Number(process.argv[2]), '::');
