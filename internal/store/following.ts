// Following: one snapshot's records, from a list to the next one that an audit asks for.

import type { Clock } from '#internal/clock/clock.ts';
import type { Etcd, Following as Watching } from '#internal/etcd/etcd.ts';
import {
  type AnyEvent,
  type BatchOf,
  createReading,
  type Language,
  type Reading,
  type ReadingEvent,
} from './follow.ts';

export type FollowingEvent =
  | ReadingEvent
  /** What was followed was not what etcd lists: a watch lost or repeated something. Everything is listed again. */
  | { readonly event: 'audit-mismatch'; readonly keys: number; readonly first: string };

export interface Following<E> {
  /** As Store.follow. */
  follow(signal: AbortSignal, lastGood?: BatchOf<E>): AsyncIterable<BatchOf<E>>;
  contact(): { readonly connected: boolean; readonly sinceMs: number; readonly clusterId?: string };
  quarantined(): readonly string[];
  ignored(): number;
}

export interface FollowingOptions {
  readonly etcd: Etcd;
  readonly clock: Clock;
  readonly auditMs: number;
  report(event: FollowingEvent): void;
}

export function createFollowing<E extends AnyEvent>(language: Language<E>, options: FollowingOptions): Following<E> {
  const { etcd, clock, auditMs, report } = options;
  const { prefix } = language;
  const openedMs = clock.monotonicMs();
  let watching: Watching | undefined;
  let reading: Reading<E> | undefined;

  /** Ends only by its signal: with true when a difference was found. */
  async function audit(read: Reading<E>, signal: AbortSignal): Promise<boolean> {
    for (;;) {
      // Not all daemons at once.
      await clock.sleep(auditMs * (0.75 + Math.random() / 2), signal);
      if (read.revision === 0n) continue;
      const { revision, finish } = read.audit();
      // Compacted, or no contact: the next time will do.
      const listing = await etcd.list(prefix, { revision, keysOnly: true, signal }).catch(() => undefined);
      const [first, ...more] = listing === undefined ? [] : finish(listing.entries);
      if (first === undefined) continue;
      report({ event: 'audit-mismatch', keys: 1 + more.length, first });
      return true;
    }
  }

  async function* round(read: Reading<E>, signal: AbortSignal): AsyncGenerator<BatchOf<E>> {
    const ending = new AbortController();
    const either = AbortSignal.any([signal, ending.signal]);
    const watch = etcd.listThenWatch(prefix, either);
    watching = watch;
    audit(read, either).then(
      () => ending.abort(new Error('an audit found a difference')),
      () => undefined,
    );
    try {
      for await (const batch of watch) yield await read.batch(batch);
    } finally {
      ending.abort(new Error('no longer followed'));
    }
  }

  async function* follow(signal: AbortSignal, lastGood?: BatchOf<E>): AsyncGenerator<BatchOf<E>> {
    const read = createReading(language, lastGood, report);
    reading = read;
    while (!signal.aborted) yield* round(read, signal);
  }

  return {
    follow,
    contact: () => watching?.contact() ?? { connected: false, sinceMs: openedMs },
    quarantined: () => reading?.quarantined() ?? [],
    ignored: () => reading?.ignored ?? 0,
  };
}
