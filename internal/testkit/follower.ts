// Follower: keeps what a watch hands out, and says what must never be true of it.

import { expect } from 'vitest';
import type { Etcd, Following } from '#internal/etcd/etcd.ts';
import { eventually } from './eventually.ts';

export interface Write {
  readonly revision: bigint;
  readonly key: string;
  /** Absent: deleted. */
  readonly value?: string;
}

export interface Follower extends AsyncDisposable {
  /** Events outside of lists, in the order in which they came. */
  readonly events: readonly Write[];
  /** Revisions of the lists. */
  readonly lists: readonly bigint[];
  readonly revision: bigint;
  readonly following: Following;
  /** Waits until it has come as far as this revision. */
  reaches(revision: bigint, withinMs?: number): Promise<void>;
  /** What it holds equals a fresh list. */
  equalsStore(etcd: Etcd, prefix: string): Promise<void>;
  /** It was handed exactly those of these writes that came after its first list, in order. Not for relists in between. */
  gotExactly(writes: readonly Write[]): void;
}

/** Every break of the watch's contract that shows in the batches alone fails `reaches` and the disposal. */
export function follow(etcd: Etcd, prefix: string): Follower {
  const controller = new AbortController();
  const following = etcd.listThenWatch(prefix, controller.signal);
  const events: Write[] = [];
  const lists: bigint[] = [];
  const map = new Map<string, { value: string; modRevision: bigint }>();
  const broken: string[] = [];
  let revision = 0n;

  const running = (async () => {
    for await (const batch of following) {
      if (batch.relisted) {
        map.clear();
        lists.push(batch.revision);
      } else if (lists.length === 0) broken.push('events before the first list');
      if (batch.revision < revision && !batch.relisted) broken.push(`back to ${batch.revision} from ${revision}`);
      let last = revision;
      for (const event of batch.events) {
        if (event.modRevision > batch.revision) broken.push(`${event.key} at ${event.modRevision} > ${batch.revision}`);
        if (!batch.relisted) {
          // A transaction's events share a revision; one that was handed out before is a repeat or half of one.
          if (event.modRevision <= revision) broken.push(`${event.key} at ${event.modRevision} after ${revision}`);
          if (event.modRevision < last) broken.push(`${event.key} at ${event.modRevision} out of order`);
          last = event.modRevision;
        }
        const value = event.value && Buffer.from(event.value).toString();
        if (value === undefined) map.delete(event.key);
        else map.set(event.key, { value, modRevision: event.modRevision });
        if (!batch.relisted) {
          events.push({ revision: event.modRevision, key: event.key, ...(value !== undefined && { value }) });
        }
      }
      revision = batch.revision;
    }
  })();

  return {
    events,
    lists,
    get revision() {
      return revision;
    },
    following,
    async reaches(to, withinMs = 15_000) {
      await eventually(() => {
        if (revision >= to) return true;
        throw new Error(`at ${revision}, waits for ${to}`);
      }, withinMs);
      expect(broken).toEqual([]);
    },
    async equalsStore(store, of) {
      const listing = await store.list(of);
      const expected = listing.entries.map(({ key, value, modRevision }) => [
        key,
        Buffer.from(value).toString(),
        modRevision,
      ]);
      const held = [...map].map(([key, { value, modRevision }]) => [key, value, modRevision]);
      expect(held.toSorted()).toEqual(expected.toSorted());
    },
    gotExactly(writes) {
      const from = lists[0] ?? 0n;
      expect(events).toEqual(writes.filter((write) => write.revision > from));
    },
    async [Symbol.asyncDispose]() {
      controller.abort(new Error('test over'));
      await running;
      expect(broken).toEqual([]);
    },
  };
}
