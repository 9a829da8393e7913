// Streams: single-address allocations through the API, over streaming calls and over unary ones.

import { randomBytes } from 'node:crypto';
import type { Client } from '#internal/client/client.ts';
import { createOutbox } from '#internal/rpc/rpc.ts';
import { atRate, type Pace } from './at-rate.ts';
import { perSecond } from './bare-store.ts';

const run = randomBytes(4).toString('hex');
let asked = 0;

/** The next request: one address of the pools in turn, with a request id as a careful caller gives one. */
function nextRequest(pools: readonly string[]) {
  asked += 1;
  return {
    change: { requestId: `bench-${run}-${asked}` },
    owner: `bench/${asked % 100}`,
    wishes: [{ pool: pools[asked % pools.length] ?? '', length: 32 }],
  };
}

/** One streaming call with so many requests in flight; how many were granted until the time was over. */
async function stream(client: Client, pools: readonly string[], inFlight: number, untilMs: number): Promise<number> {
  const calls = createOutbox<{ tag: bigint; request: ReturnType<typeof nextRequest> }>(1_000);
  let flying = 0;
  let granted = 0;
  const send = (): void => {
    flying += 1;
    calls.push({ tag: BigInt(flying), request: nextRequest(pools) });
  };
  for (let n = 0; n < inFlight; n += 1) send();
  const outgoing = (async function* () {
    for await (const some of calls.batches()) yield { calls: [...some] };
  })();
  for await (const { outcomes } of client.allocations.allocateMany(outgoing)) {
    for (const { outcome } of outcomes) {
      flying -= 1;
      if (outcome.case !== 'granted') throw new Error(`not granted: ${outcome.value?.message ?? ''}`);
      granted += 1;
      if (performance.now() < untilMs) send();
    }
    if (flying === 0) calls.end();
  }
  return granted;
}

/** Granted a second over `calls` streams, spread over the daemons. */
export async function streams(
  clients: readonly Client[],
  pools: readonly string[],
  { calls, inFlight, ms }: { readonly calls: number; readonly inFlight: number; readonly ms: number },
): Promise<number> {
  const began = performance.now();
  const some = Array.from({ length: calls }, (_, at) => {
    const client = clients[at % clients.length];
    return client === undefined ? Promise.resolve(0) : stream(client, pools, inFlight / calls, began + ms);
  });
  const granted = (await Promise.all(some)).reduce((all, each) => all + each, 0);
  return (1_000 * granted) / (performance.now() - began);
}

const clientOf = (clients: readonly Client[], n: number): Client => {
  const client = clients[n % clients.length];
  if (client === undefined) throw new Error('no clients');
  return client;
};

/** Granted a second by unary calls, spread over the daemons. */
export function unaries(
  clients: readonly Client[],
  pools: readonly string[],
  { inFlight, ms }: { readonly inFlight: number; readonly ms: number },
): Promise<number> {
  return perSecond(inFlight, ms, async (n) => {
    await clientOf(clients, n).allocations.allocate(nextRequest(pools));
  });
}

/** Milliseconds of each of so many a second. */
export async function unariesAtRate(
  clients: readonly Client[],
  pools: readonly string[],
  pace: Pace,
): Promise<readonly number[]> {
  const called = await atRate(pace, (n) => clientOf(clients, n).allocations.allocate(nextRequest(pools)));
  return called.map(([ms]) => ms);
}
