// Load clients: WireGuard clients by the thousand that all send echoes at a rate, from a process of their own, in the namespace it
// was started in. Arguments: whom they send echoes to, a JSON file with private keys and addresses of the clients, the server's
// public key, its address and its port, and the addresses here that the clients share. Orders come by standard input, answers go
// out, one JSON a line each:
//
//   {"connect":N}                   the first N shake hands, but for those that did so lately: `{"connected":N,"perSecond":N}`
//   {"load":Load}                   the first so many send, evenly: `{"loaded":Loaded}`
//   {"idle":Idle} and {"idle":null} keepalives and new sessions, evenly, until the end: `{"idled":Idled}`

import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { realClock } from '#internal/clock/clock.ts';
import { noiseKeysOf } from '#internal/testkit/noise.ts';
import { openWireguardClients } from '#internal/testkit/wireguard-clients.ts';
import { carry } from './carry.ts';
import { keepIdle } from './idle.ts';
import type { Order } from './load.ts';

/** Well below REKEY_AFTER_TIME, 120 s (WireGuard paper 6.1), since a load goes on for a while. */
const freshMs = 80_000;

const [echoedBy = '', file = '', serverKey = '', address = '', port = '', ...sources] = process.argv.slice(2);
const known = JSON.parse(await readFile(file, 'utf8')) as readonly (readonly [privateKey: string, address: string])[];
const server = Buffer.from(serverKey, 'base64');
const callers = known.map(([key]) => ({ keys: noiseKeysOf(key), server }));
const addresses = known.map(([, own]) => own);
let onTransport: (at: number, packet: Buffer) => void = () => {};
const clients = await openWireguardClients({
  address,
  port: Number(port),
  sources,
  onTransport: (at, packet) => onTransport(at, packet),
});
const shookMs: number[] = [];

async function connect(count: number): Promise<object> {
  const began = realClock.monotonicMs();
  const which = callers
    .keys()
    .take(count)
    .filter((at) => began - (shookMs[at] ?? -freshMs) >= freshMs)
    .toArray();
  await clients.connect(callers, which);
  for (const at of which) shookMs[at] = began;
  return { connected: which.length, perSecond: (1_000 * which.length) / (realClock.monotonicMs() - began) };
}

const carrier = {
  clients,
  addresses,
  to: echoedBy,
  listen: (listener: typeof onTransport): void => {
    onTransport = listener;
  },
};
let endIdle: (() => object) | undefined;

async function obey(order: Order): Promise<object> {
  if ('connect' in order) return connect(order.connect);
  if ('load' in order) return { loaded: await carry(carrier, order.load) };
  const ended = endIdle?.() ?? {};
  endIdle = order.idle === null ? undefined : keepIdle(clients, callers, order.idle);
  return { idled: ended };
}

for await (const line of createInterface({ input: process.stdin }))
  process.stdout.write(`${JSON.stringify(await obey(JSON.parse(line) as Order))}\n`);
process.exit(0);
