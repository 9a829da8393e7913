// Witness: watches all of /pop44/ from outside the daemons and forgets nothing.

import type { Clock } from '#internal/clock/clock.ts';
import { type Etcd, openEtcd, type Tls } from '#internal/etcd/etcd.ts';
import type { Heard, Listed } from './check/complete.ts';
import { valueDigest } from './check/digest.ts';
import { everything, type LoggedEvent } from './event-log.ts';

export interface Witness {
  /** Everything up to here is in the log: of what was before, nobody needs etcd's own history. */
  recorded(): bigint;
  /**
   * Reads on until everything that is committed now is in the log.
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
  /** Milliseconds between two lists that the log is compared with. */
  readonly listEveryMs: number;
}

/** Gives back once the first list is in. */
export async function openWitness(options: WitnessOptions): Promise<Witness> {
  const { clock, listEveryMs } = options;
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
      to = batch.revision;
    }
  })();
  watching.catch(begun.reject);
  await begun.promise;
  const listings: Listed[] = [];
  const listing = (async () => {
    while (!ending.signal.aborted) {
      await clock.sleep(listEveryMs, ending.signal).catch(() => undefined);
      if (ending.signal.aborted) return;
      // One that fails, because nobody answers or history was cut off meanwhile, is not missed: others come.
      const listed = await listNow(etcd).catch(() => undefined);
      if (listed !== undefined) listings.push(listed);
    }
  })();
  const close = (): void => {
    ending.abort(new Error('the run is over'));
    etcd.close();
  };
  return {
    recorded: () => to,
    close,
    async finish(withinMs) {
      const deadline = clock.monotonicMs() + withinMs;
      // A progress notice may be seconds away; a revision that the fresh list names and no event reached is one that
      // wrote elsewhere, or an event that never came: the judge tells them apart by its own count.
      const last = await retried(clock, deadline, () => listNow(etcd));
      while (to < last.revision && clock.monotonicMs() < deadline) await clock.sleep(20);
      ending.abort(new Error('the run is over'));
      await listing;
      const until = last.revision > to ? to : last.revision;
      return {
        log: { base: base ?? [], from, events: events.filter((event) => event.revision <= until), to: until },
        listings: [...listings, last].filter(({ revision }) => revision <= last.revision),
        relisted,
      };
    },
  };
}

async function listNow(etcd: Etcd): Promise<Listed> {
  const { revision, entries } = await etcd.list(everything);
  return {
    revision,
    entries: entries.map(({ key, value, modRevision }) => ({ key, revision: modRevision, digest: valueDigest(value) })),
  };
}

const list = async (etcd: Etcd, revision: bigint): Promise<readonly LoggedEvent[]> =>
  (await etcd.list(everything, { revision })).entries.map(({ key, value, modRevision, createRevision }) => ({
    ...{ key, value: new Uint8Array(value), revision: modRevision, createRevision },
  }));

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
