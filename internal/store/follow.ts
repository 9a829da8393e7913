// Follow: the watch's keys and values as batches of records; what cannot be read is set aside.

import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Entry, WatchBatch, WatchEvent } from '#internal/etcd/etcd.ts';
import { isUnreadable, type Unreadable } from './codec.ts';
import { shownKey } from './keys.ts';

/** One change of a record, of whichever snapshot. */
export interface AnyEvent {
  readonly kind: string;
  readonly id: string;
  readonly stored?: { readonly revision: bigint };
}

export interface BatchOf<E> {
  readonly revision: bigint;
  readonly relisted: boolean;
  readonly events: readonly E[];
}

/** The records that stand under one prefix. */
export interface Language<E extends AnyEvent> {
  readonly prefix: string;
  keyOf(event: E): string;
  /** Undefined: this build knows no such kind. */
  read(key: string, value: Uint8Array, revision: bigint): E | Unreadable | undefined;
  /** Of a record that stands: what `read` would read as the same. */
  bytesOf(event: E): Uint8Array;
}

export type ReadingEvent =
  | { readonly event: 'record-quarantined'; readonly key: string; readonly problem: string }
  | { readonly event: 'record-readable-again'; readonly key: string };

/**
 * A key as it stands in the store. Nearly every one is a record that could be read at its last change: it stands here
 * bare, as wrapping 40,000 of them takes 2 MB.
 */
type Known<E> = E | Unsure<E>;

interface Unsure<E> {
  /** Of its last change, readable or not. */
  readonly modRevision: bigint;
  /** The last good record of the key; absent when there never was one, or this build knows no such kind. */
  readonly good?: E;
}

const goodOf = <E extends AnyEvent>(known: Known<E>): E | undefined => ('kind' in known ? known : known.good);
const revisionOf = (known: Known<AnyEvent>): bigint =>
  'kind' in known ? (known.stored?.revision ?? 0n) : known.modRevision;

export interface Reading<E> {
  /** O(events). Decodes a list in slices, so that the event loop goes on. Never throws for what stands in the store. */
  batch(batch: WatchBatch): Promise<BatchOf<E>>;
  readonly revision: bigint;
  quarantined(): readonly string[];
  /** Events of keys whose kind this build does not know. */
  readonly ignored: number;
  /** Begins to compare what is held with a list at the current revision; finish with what was listed. */
  audit(): { readonly revision: bigint; finish(listed: readonly Entry[]): readonly string[] };
}

// A tunnel takes 30 to 100 us to decode and check (measured): about 10 ms a slice.
const slice = 250;

/** @param lastGood of an earlier life, from disk: it stands in for keys that cannot be read now */
export function createReading<E extends AnyEvent>(
  language: Language<E>,
  lastGood: BatchOf<E> | undefined,
  report: (event: ReadingEvent) => void,
): Reading<E> {
  let known = new Map<string, Known<E>>();
  let revision = 0n;
  let ignored = 0;
  const quarantined = new Set<string>();
  let deletedInAudit: Set<string> | undefined;
  for (const good of lastGood?.events ?? []) known.set(language.keyOf(good), { modRevision: 0n, good });

  /** The key's new state, and the event that the model hears, if any. */
  function read(event: WatchEvent, before: Known<E> | undefined): { now: Known<E> | undefined; told: E | undefined } {
    const { key, value, modRevision } = event;
    const wasQuarantined = quarantined.delete(key);
    if (value === undefined) {
      const held = before && goodOf(before);
      return { now: undefined, told: held && ({ kind: held.kind, id: held.id } as E) };
    }
    const read = language.read(key, value, modRevision);
    if (read === undefined) {
      ignored++;
      return { now: { modRevision }, told: undefined };
    }
    if (isUnreadable(read)) {
      quarantined.add(key);
      report({ event: 'record-quarantined', key: shownKey(key), problem: read.problem });
      const good = before && goodOf(before);
      return { now: { modRevision, ...(good && { good }) }, told: undefined };
    }
    if (wasQuarantined) report({ event: 'record-readable-again', key: shownKey(key) });
    return { now: read, told: read };
  }

  /**
   * What an earlier list, or the disk, says of a key that has not changed since: its bytes cost half of reading and checking them, and
   * who holds the record need not compare it. The revision alone would not do: a restored store may have other contents at the same one.
   */
  function unchanged({ key, value, modRevision }: WatchEvent, before: Known<E> | undefined): E | undefined {
    const good = before && goodOf(before);
    if (good?.stored?.revision !== modRevision || value === undefined || quarantined.has(key)) return undefined;
    return Buffer.compare(language.bytesOf(good), value) === 0 ? good : undefined;
  }

  async function relisted(batch: WatchBatch): Promise<BatchOf<E>> {
    const before = known;
    const after = new Map<string, Known<E>>();
    const events: E[] = [];
    for (const [at, event] of batch.events.entries()) {
      if (at % slice === slice - 1) await nextTurn();
      const held = before.get(event.key);
      const now = unchanged(event, held) ?? read(event, held).now;
      if (now === undefined) continue;
      after.set(event.key, now);
      // A key that cannot be read is still there: its last good record goes on.
      const good = goodOf(now);
      if (good !== undefined) events.push(good);
    }
    for (const key of quarantined) if (!after.has(key)) quarantined.delete(key);
    known = after;
    return { revision: batch.revision, relisted: true, events };
  }

  function changed(batch: WatchBatch): BatchOf<E> {
    const events: E[] = [];
    for (const event of batch.events) {
      const { now, told } = read(event, known.get(event.key));
      if (now === undefined) {
        known.delete(event.key);
        deletedInAudit?.add(event.key);
      } else known.set(event.key, now);
      if (told !== undefined) events.push(told);
    }
    return { revision: batch.revision, relisted: false, events };
  }

  return {
    async batch(batch) {
      const read = batch.relisted ? await relisted(batch) : changed(batch);
      if (batch.relisted) deletedInAudit = undefined;
      revision = batch.revision;
      return read;
    },
    get revision() {
      return revision;
    },
    quarantined: () => [...quarantined].map(shownKey).toSorted(),
    get ignored() {
      return ignored;
    },
    audit() {
      const at = revision;
      const deleted = new Set<string>();
      deletedInAudit = deleted;
      return {
        revision: at,
        finish(listed) {
          // A list came meanwhile: there is nothing to compare with.
          if (deletedInAudit !== deleted) return [];
          deletedInAudit = undefined;
          return differences(known, listed, at, deleted).map(shownKey);
        },
      };
    },
  };
}

/** Keys whose state at `revision` was not what the list says; what changed since then does not count. */
function differences(
  known: ReadonlyMap<string, Known<AnyEvent>>,
  listed: readonly Entry[],
  revision: bigint,
  deletedSince: ReadonlySet<string>,
): readonly string[] {
  const wrong: string[] = [];
  const names = new Set<string>();
  for (const { key, modRevision } of listed) {
    names.add(key);
    const held = known.get(key);
    const right =
      held === undefined ? deletedSince.has(key) : revisionOf(held) === modRevision || revisionOf(held) > revision;
    if (!right) wrong.push(key);
  }
  for (const [key, held] of known) if (!names.has(key) && revisionOf(held) <= revision) wrong.push(key);
  return wrong;
}
