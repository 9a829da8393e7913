// Downlink: what comes to a client each 20 ms whatever it does, and the longest time that nothing came.
//
//   serve PORT                              on TCP: a line each 20 ms to whoever connects; on UDP: to whoever sends one
//   tcp|udp ADDRESS PORT SECONDS FROM       asks such a server once, from an own address; prints an Outage as JSON, and whether it was closed
//   hear ADDRESS PORT SECONDS               the same, of what comes to an own port; never sends
//   send ADDRESS PORT SECONDS               one each 20 ms, to a port that only hears

import { createSocket } from 'node:dgram';
import { connect, createServer } from 'node:net';
import { setTimeout } from 'node:timers/promises';

const everyMs = 20;
/** Longer than a death or a move is watched. */
const servedMs = 60_000;
/** Within which something must have come at the end. */
const endMs = 500;
/** A connection is set up, a socket bound. */
const settleMs = 300;

async function eachTick(forMs: number, send: () => void): Promise<void> {
  const began = performance.now();
  for (let sent = 0; performance.now() - began < forMs; ) {
    const due = Math.floor((performance.now() - began) / everyMs);
    for (; sent < due; sent += 1) send();
    await setTimeout(everyMs / 4);
  }
}

function serve(port: number): void {
  createServer((socket) => {
    let open = true;
    socket.on('close', () => {
      open = false;
    });
    socket.on('error', () => {});
    socket.setNoDelay(true);
    void eachTick(servedMs, () => open && socket.write('tick\n')).then(() => socket.destroy());
  }).listen(port, '::');
  const udp = createSocket('udp6');
  udp.on('error', () => {});
  udp.on('message', (_, from) => void eachTick(servedMs, () => udp.send('tick', from.port, from.address)));
  udp.bind(port, '::');
}

async function watch(forMs: number, open: (heard: () => void, closed: () => void) => void): Promise<void> {
  const began = performance.now();
  let [lastMs, longestMs, count] = [0, 0, 0];
  let closed = false;
  open(
    () => {
      const now = performance.now();
      if (count > 0) longestMs = Math.max(longestMs, now - lastMs - everyMs);
      lastMs = now;
      count += 1;
    },
    () => {
      closed = true;
    },
  );
  await setTimeout(forMs + settleMs);
  const silentMs = performance.now() - (count === 0 ? began : lastMs);
  const ended = silentMs < endMs;
  const ms = Math.round(ended ? Math.max(0, longestMs) : Math.max(longestMs, silentMs));
  process.stdout.write(`${JSON.stringify({ ms, replies: count, ended, closed })}\n`, () => process.exit(0));
}

const [mode = '', first = '', port = '', seconds = '', from = ''] = process.argv.slice(2);
const forMs = Number(seconds) * 1_000;
switch (mode) {
  case 'serve':
    serve(Number(first));
    break;
  case 'send': {
    const socket = createSocket('udp4');
    socket.on('error', () => {});
    await eachTick(forMs, () => socket.send('tick', Number(port), first));
    process.exit(0);
    break;
  }
  case 'hear':
    await watch(forMs, (heard) => createSocket('udp4').on('message', heard).bind(Number(port), first));
    break;
  case 'udp':
    await watch(forMs, (heard) => {
      const socket = createSocket('udp4').on('message', heard);
      socket.bind(0, from, () => socket.send('begin', Number(port), first));
    });
    break;
  case 'tcp':
    await watch(forMs, (heard, closed) => {
      connect({ port: Number(port), host: first, localAddress: from })
        .on('data', heard)
        .on('error', closed)
        .on('close', closed);
    });
    break;
  default:
    process.exitCode = 2;
}
