// Readers: follow the store through the paths that daemons use, and keep of each batch what shows whether it was right.

import type { Clock } from '#internal/clock/clock.ts';
import { openEtcd, type Tls } from '#internal/etcd/etcd.ts';
import { digestOf } from './check/digest.ts';
import type { HistoryRecorder } from './history.ts';
import type { Part } from './part.ts';

/** What daemons follow. */
const followed = '/pop44/v1/';

export interface ReadersOptions {
  /** Endpoints of each reader, its nearest first. */
  readonly readers: ReadonlyMap<string, readonly string[]>;
  readonly tls: Tls;
  readonly clock: Clock;
  readonly progressNotifyMs: number;
  readonly history: HistoryRecorder;
  /** They read until they have come to this revision; called when the faults are over. */
  readonly until: () => Promise<bigint>;
}

export function openReaders(options: ReadersOptions): Part {
  const { readers, tls, clock, progressNotifyMs, history, until } = options;
  const ending = new AbortController();
  const reached = new Map<string, bigint>();

  async function read(reader: string, endpoints: readonly string[]): Promise<void> {
    const etcd = openEtcd({ endpoints, tls, clock, progressNotifyMs });
    try {
      let from = 0n;
      for await (const { revision, relisted, events } of etcd.listThenWatch(followed, ending.signal)) {
        const told = events.map(({ key, value, modRevision }) => ({
          ...{ key, revision: modRevision },
          ...(value && { value: new Uint8Array(value) }),
        }));
        history.readings.push({ reader, relisted, from, revision, events: events.length, digest: digestOf(told) });
        from = revision;
        reached.set(reader, revision);
      }
    } catch (thrown) {
      if (!ending.signal.aborted) throw thrown;
    } finally {
      etcd.close();
    }
  }
  let reading: Promise<unknown> = Promise.resolve();
  return {
    async run() {
      reading = Promise.all([...readers].map(([reader, endpoints]) => read(reader, endpoints)));
      // It is awaited in the end; until then nobody else would hear of it.
      reading.catch(() => undefined);
    },
    async finish(withinMs) {
      const deadline = clock.monotonicMs() + withinMs;
      const goal = await until();
      const behind = (): boolean => [...readers.keys()].some((reader) => (reached.get(reader) ?? 0n) < goal);
      while (behind() && clock.monotonicMs() < deadline) await clock.sleep(20);
      ending.abort(new Error('the run is over'));
      await reading;
    },
    close: () => ending.abort(new Error('the run is over')),
  };
}
