// Called clients: many WireGuard clients in a process of its own, in the namespace it was started in, that answer who calls them.
// Arguments: whom they send echoes to and at which pace (`EchoPace` as JSON), a JSON file with private keys and addresses of the
// clients, and the rest as live-clients.ts.
// One JSON a line: what it has done, and when clients were back.
//
//   SIGHUP    the first 50 shake hands again: `{"refreshed":50}`
//   SIGUSR2   all do, as fast as they get answers: `{"perSecond":N}`
//   SIGALRM   each begins to send echoes; the next time they end: `{"echoes":Echoes}`
//   calls     when the last was a while ago: `{"back":[[which, Unix time in milliseconds, those of its calls], ...]}`

import { readFile } from 'node:fs/promises';
import { realClock } from '#internal/clock/clock.ts';
import { type EchoPace, openCalledClients } from '#internal/testkit/called-clients.ts';
import { noiseKeysOf } from '#internal/testkit/noise.ts';

/** The longest gap between two calls of one takeover, and some. */
const quietMs = 3_000;
const lookEachMs = 200;
const recent = 50;

const [echoedBy = '', pace = '', file = '', serverKey = '', address = '', port = '', ...sources] =
  process.argv.slice(2);
const known = JSON.parse(await readFile(file, 'utf8')) as readonly (readonly [privateKey: string, address: string])[];
const server = Buffer.from(serverKey, 'base64');
const callers = known.map(([key, own]) => ({ keys: noiseKeysOf(key), server, address: own }));
const clients = await openCalledClients({ callers, address, port: Number(port), sources });
const everybody = callers.map((_, at) => at);
const say = (what: object): void => void process.stdout.write(`${JSON.stringify(what)}\n`);

const connected = async (which: readonly number[]): Promise<number> => {
  const began = realClock.monotonicMs();
  await clients.connect(which);
  return (which.length * 1_000) / (realClock.monotonicMs() - began);
};
process.on('SIGHUP', () => void connected(everybody.slice(0, recent)).then(() => say({ refreshed: recent })));
process.on('SIGUSR2', () => void connected(everybody).then((perSecond) => say({ perSecond })));
let end: ReturnType<typeof clients.echo> | undefined;
process.on('SIGALRM', () => {
  const ended = end?.();
  end = ended === undefined ? clients.echo(echoedBy, JSON.parse(pace) as EchoPace) : undefined;
  void ended?.then((echoes) => say({ echoes }));
});
say({ connected: await connected(everybody) });

let told: [number, number, readonly number[]][] = [];
let lastMs = 0;
for (;;) {
  await realClock.sleep(lookEachMs);
  const back = [...clients.back()].map(([at, [backMs, callsMs]]): (typeof told)[0] => [at, backMs, callsMs]);
  if (back.length > 0) lastMs = realClock.monotonicMs();
  told.push(...back);
  if (told.length === 0 || realClock.monotonicMs() - lastMs < quietMs) continue;
  say({ back: told });
  told = [];
}
