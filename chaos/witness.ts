// Witness: watches all of /pop44/ from outside the daemons and forgets nothing.

import type { Clock } from '#internal/clock/clock.ts';
import { type Etcd, openEtcd, type Tls } from '#internal/etcd/etcd.ts';
import type { Heard, Listed } from './check/complete.ts';
import { everything, type LoggedEvent } from './event-log.ts';

export interface Witness {
  /**
   * Reads on until everything that is committed now is in the log, and asks etcd a second time for the past.
   * @throws Fault when no member answers within `withinMs`
   */
  finish(withinMs: number): Promise<Heard>;
  close(): void;
}

export interface WitnessOptions {
  readonly endpoints: readonly string[];
  readonly tls?: Tls;
  readonly clock: Clock;
  readonly progressNotifyMs?: number;
}

/** Gives back once the first list is in. */
export async function openWitness(options: WitnessOptions): Promise<Witness> {
  const { clock } = options;
  const etcd = openEtcd(options);
  const ending = new AbortController();
  const events: LoggedEvent[] = [];
  let base: readonly LoggedEvent[] | undefined;
  let from = 0n;
  let to = 0n;
  let relisted = 0;
  const begun = Promise.withResolvers<void>();
  const watching = (async () => {
    for await (const batch of etcd.listThenWatch(everything, ending.signal)) {
      to = batch.revision;
      if (!batch.relisted) {
        for (const { key, value, modRevision } of batch.events)
          events.push({ key, revision: modRevision, ...(value && { value: new Uint8Array(value) }) });
      } else if (base === undefined) {
        from = batch.revision;
        base = await list(etcd, from);
        begun.resolve();
      } else {
        relisted += 1;
      }
    }
  })();
  watching.catch(begun.reject);
  await begun.promise;
  const close = (): void => {
    ending.abort(new Error('the run is over'));
    etcd.close();
  };
  return {
    close,
    async finish(withinMs) {
      const deadline = clock.monotonicMs() + withinMs;
      // A progress notice may be seconds away; a revision that the fresh list names and no event reached is one that
      // wrote elsewhere, or an event that never came: the judge tells them apart by its own count.
      const { revision } = await retried(clock, deadline, () => etcd.header());
      while (to < revision && clock.monotonicMs() < deadline) await clock.sleep(20);
      // etcd still has its whole history: nobody compacted it.
      const listings: Listed[] = [];
      for (const past of moments(from, revision)) {
        listings.push({ revision: past, entries: await retried(clock, deadline, () => list(etcd, past)) });
      }
      const until = revision > to ? to : revision;
      return {
        log: { base: base ?? [], from, events: events.filter((event) => event.revision <= until), to: until },
        listings,
        relisted,
      };
    },
  };
}

/** So many times the past is read again, evenly spread; the end is the last of them. */
const readings = 6n;

function moments(from: bigint, to: bigint): readonly bigint[] {
  const all = Array.from({ length: Number(readings) }, (_, at) => from + ((to - from) * BigInt(at + 1)) / readings);
  return [...new Set(all)];
}

const loggedEntry = (entry: {
  readonly key: string;
  readonly value: Uint8Array;
  readonly modRevision: bigint;
  readonly createRevision: bigint;
}): LoggedEvent => ({
  key: entry.key,
  value: new Uint8Array(entry.value),
  revision: entry.modRevision,
  createRevision: entry.createRevision,
});

const list = async (etcd: Etcd, revision: bigint): Promise<readonly LoggedEvent[]> =>
  (await etcd.list(everything, { revision })).entries.map(loggedEntry);

async function retried<T>(clock: Clock, deadline: number, attempt: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await attempt();
    } catch (thrown) {
      if (clock.monotonicMs() > deadline) throw thrown;
      await clock.sleep(200);
    }
  }
}
