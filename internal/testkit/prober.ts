// Prober: says which ports of which addresses answer a stranger, and how. A process of its own, run in a namespace: reads
// one question a line (JSON) from standard input and writes one answer a line, until its input ends.
//
// A UDP port that is closed but not filtered gives itself away by an ICMP error; one that is silent is filtered, or
// belongs to a program that does not speak to strangers, for which the sweep puts up listeners that do.

import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { realClock } from '#internal/clock/clock.ts';

export interface Target {
  readonly protocol: 'tcp' | 'udp';
  readonly address: string;
  readonly port: number;
}
/** `open`: it answered; `closed`: the host said that nobody listens, so nothing keeps a stranger from a listener. */
export interface Reached extends Target {
  readonly how: 'open' | 'closed';
}
export interface Question {
  readonly addresses: readonly string[];
  readonly ports: readonly number[];
  readonly protocols: readonly ('tcp' | 'udp')[];
  /** Milliseconds that a port may be silent. */
  readonly waitMs: number;
}

/** Below the 1,024 files that a process may have open (getrlimit(2)), with room for our own. */
const atOnce = 900;

function probeTcp(target: Target, waitMs: number): Promise<Reached | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: target.address, port: target.port });
    const finish = (how: Reached['how'] | undefined): void => {
      socket.destroy();
      resolve(how === undefined ? undefined : { ...target, how });
    };
    socket.setTimeout(waitMs, () => finish(undefined));
    socket.on('connect', () => finish('open'));
    // Everything else (no route, administratively prohibited) is somebody's no.
    socket.on('error', (error: NodeJS.ErrnoException) => finish(error.code === 'ECONNREFUSED' ? 'closed' : undefined));
  });
}

function probeUdp(target: Target, waitMs: number): Promise<Reached | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket(target.address.includes(':') ? 'udp6' : 'udp4');
    let done = false;
    const finish = (how: Reached['how'] | undefined): void => {
      if (done) return;
      done = true;
      socket.close();
      resolve(how === undefined ? undefined : { ...target, how });
    };
    socket.on('message', () => finish('open'));
    socket.on('error', (error: NodeJS.ErrnoException) => finish(error.code === 'ECONNREFUSED' ? 'closed' : undefined));
    // With no route there it fails before it is connected.
    socket.connect(target.port, target.address, (error?: Error) => {
      if (error !== undefined && error !== null) finish(undefined);
      else if (!done) socket.send('probe');
    });
    void realClock.sleep(waitMs).then(() => finish(undefined));
  });
}

async function answer({ addresses, ports, protocols, waitMs }: Question): Promise<readonly Reached[]> {
  const targets = addresses.flatMap((address) =>
    ports.flatMap((port) => protocols.map((protocol) => ({ protocol, address, port }))),
  );
  const reached: Reached[] = [];
  for (let at = 0; at < targets.length; at += atOnce) {
    const batch = targets.slice(at, at + atOnce);
    const found = await Promise.all(
      batch.map((target) => (target.protocol === 'tcp' ? probeTcp(target, waitMs) : probeUdp(target, waitMs))),
    );
    for (const each of found) if (each !== undefined) reached.push(each);
  }
  return reached;
}

for await (const line of createInterface({ input: process.stdin }))
  process.stdout.write(`${JSON.stringify(await answer(JSON.parse(line) as Question))}\n`);
