// Live clients: keeps WireGuard sessions of many tunnels alive from a process of its own, in the namespace it was started
// in. Arguments: a JSON file with the clients' private keys, the server's public key, its address and its port, and the
// addresses here that the clients share.

import { readFile } from 'node:fs/promises';
import { realClock } from '#internal/clock/clock.ts';
import { noiseKeysOf } from '#internal/testkit/noise.ts';
import { openWireguardClients } from '#internal/testkit/wireguard-clients.ts';

/** Below REKEY_AFTER_TIME, 120 s (WireGuard paper 6.1): a client would begin a new session then. */
const sessionMs = 100_000;
/** A bench ends long before. */
const mostSessions = 36;

const [file = '', serverKey = '', address = '', port = '', ...sources] = process.argv.slice(2);
const privateKeys = JSON.parse(await readFile(file, 'utf8')) as readonly string[];
const server = Buffer.from(serverKey, 'base64');
const callers = privateKeys.map((key) => ({ keys: noiseKeysOf(key), server }));
const clients = await openWireguardClients({ address, port: Number(port), sources });
for (let session = 0; session < mostSessions; session += 1) {
  const began = realClock.monotonicMs();
  await clients.connect(callers);
  // From the first of them on: on a busy machine a thousand handshakes take a good part of that time themselves.
  await realClock.sleep(Math.max(0, sessionMs - (realClock.monotonicMs() - began)));
}
