// Disk: the last good snapshot of the records, from which a node starts when etcd is away.
//
// A whole snapshot (snapshot-N) and a journal of the batches after it (journal-N). When the journal has outgrown the
// snapshot, or all is listed anew, generation N+1 begins: batches go to journal-(N+1) at once, the snapshot is written
// beside and put in place whole. A crash of the process loses nothing, one of the machine at most the last second.

import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, realClock } from '#internal/clock/clock.ts';
import { messageOf } from '#internal/errors/errors.ts';
import type { Batch, RecordEvent } from '#internal/model/record.ts';
import { encodeBatch, encodeEvents, encodeJournalHead, encodeSnapshotHead } from './disk-format.ts';
import { generationOf, journalName, loadDisk, snapshotName } from './disk-load.ts';
import { frame } from './frame.ts';
import { allHeld, apply, type Held, nothingHeld } from './held.ts';

export type DiskEvent =
  /** Something in the files cannot be believed and is left out. */
  | { readonly event: 'disk-damaged'; readonly file: string; readonly problem: string }
  /** Nothing is saved until a new generation succeeds; it is tried with later batches. */
  | { readonly event: 'disk-failed'; readonly problem: string };

export interface DiskOptions {
  readonly clock?: Clock;
  report?(event: DiskEvent): void;
}

export interface Disk {
  /** What was saved last, as a relisted batch; undefined when there is nothing that can be believed. Never throws. */
  load(): Promise<Batch | undefined>;
  /** O(batch). Resolves when the batch is written (in one write with others that wait); never rejects. */
  append(batch: Batch): Promise<void>;
  /** Writes and syncs what was appended. */
  close(): Promise<void>;
}

interface Journal {
  readonly generation: number;
  readonly continues: boolean;
  handle?: FileHandle;
  bytes: number;
  waiting: Buffer[];
}

const slice = 1_000;
// Below this a snapshot is not rewritten for the sake of a longer journal.
const smallestJournalBytes = 256 * 1024;
const syncMs = 1_000;
const retryMs = 10_000;

export async function openDisk(directory: string, options: DiskOptions = {}): Promise<Disk> {
  const clock = options.clock ?? realClock;
  const failed = (thrown: unknown) => options.report?.({ event: 'disk-failed', problem: messageOf(thrown) });
  const damaged = (file: string, problem: string) => options.report?.({ event: 'disk-damaged', file, problem });
  const closing = new AbortController();
  let records: Held = nothingHeld();
  /** Of the last batch that has a place in a file; undefined: there is nothing to go on from. */
  let revision: bigint | undefined;
  let newest = 0;
  let journal: Journal | undefined;
  let snapshotBytes = 0;
  let compacting: Promise<void> = Promise.resolve();
  let compactions = 0;
  let brokenAtMs: number | undefined;
  let syncing: Promise<void> | undefined;
  /** Every touch of a journal happens in turn. */
  let tail: Promise<void> = Promise.resolve();

  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    for (const name of await readdir(directory)) newest = Math.max(newest, generationOf(name) ?? 0);
  } catch (thrown) {
    failed(thrown);
  }

  function broken(thrown: unknown): void {
    if (brokenAtMs === undefined) failed(thrown);
    brokenAtMs = clock.monotonicMs();
  }

  function inTurn(work: () => Promise<void>): Promise<void> {
    tail = tail.then(work).catch(broken);
    return tail;
  }

  async function writeWaiting(to: Journal): Promise<void> {
    if (to.handle === undefined) {
      to.handle = await open(join(directory, journalName(to.generation)), 'wx', 0o600);
      to.waiting.unshift(frame(encodeJournalHead(to.continues)));
    }
    const frames = to.waiting;
    to.waiting = [];
    if (frames.length > 0) await to.handle.appendFile(Buffer.concat(frames));
    syncing ??= clock
      .sleep(syncMs, closing.signal)
      .then(() => inTurn(async () => journal?.handle?.datasync()))
      .catch(() => undefined)
      .finally(() => {
        syncing = undefined;
      });
  }

  /** From here on batches go to a new journal; the snapshot that it belongs to follows when it is written. */
  function newGeneration(continues: boolean): void {
    const old = journal;
    const generation = ++newest;
    journal = { generation, continues, bytes: 0, waiting: [] };
    brokenAtMs = undefined;
    void inTurn(async () => {
      if (old === undefined) return;
      await writeWaiting(old);
      await old.handle?.close();
    });
    compactions++;
    compacting = writeSnapshot(generation, revision ?? 0n, allHeld(records))
      .catch(broken)
      .finally(() => {
        compactions--;
      });
  }

  async function writeSnapshot(generation: number, at: bigint, events: readonly RecordEvent[]): Promise<void> {
    const temporary = join(directory, `${snapshotName(generation)}.tmp`);
    await mkdir(directory, { recursive: true, mode: 0o700 });
    let bytes = 0;
    {
      await using file = await open(temporary, 'wx', 0o600);
      const write = async (payload: Uint8Array) => {
        const framed = frame(payload);
        bytes += framed.length;
        await file.write(framed);
      };
      await write(encodeSnapshotHead({ revision: at, records: events.length }));
      for (let from = 0; from < events.length; from += slice)
        await write(encodeEvents(events.slice(from, from + slice)));
      await file.sync();
    }
    await rename(temporary, join(directory, snapshotName(generation)));
    await using folder = await open(directory);
    await folder.sync();
    snapshotBytes = bytes;
    await inTurn(() => removeOlder(generation));
  }

  async function removeOlder(than: number): Promise<void> {
    for (const name of await readdir(directory)) {
      if ((generationOf(name) ?? than) < than) await rm(join(directory, name));
    }
  }

  async function append(batch: Batch): Promise<void> {
    if (closing.signal.aborted || (!batch.relisted && (revision === undefined || batch.events.length === 0))) return;
    const from = revision ?? 0n;
    if (batch.relisted) records = nothingHeld();
    apply(records, batch.events);
    revision = batch.revision;
    const retry = brokenAtMs !== undefined && clock.monotonicMs() - brokenAtMs > retryMs;
    if (batch.relisted || journal === undefined || retry) newGeneration(false);
    else if (brokenAtMs === undefined) {
      const framed = frame(encodeBatch(from, batch));
      journal.waiting.push(framed);
      journal.bytes += framed.length;
      if (journal.bytes > Math.max(snapshotBytes, smallestJournalBytes) && compactions === 0) newGeneration(true);
    }
    const to = journal;
    if (to !== undefined) await inTurn(() => writeWaiting(to));
  }

  return {
    append,
    async load() {
      const loaded = await loadDisk(directory, damaged);
      if (loaded === undefined) return undefined;
      ({ records, revision } = loaded);
      return { revision, relisted: true, events: allHeld(records) };
    },
    async close() {
      closing.abort(new Error('closed'));
      await compacting;
      await inTurn(async () => {
        await journal?.handle?.datasync();
        await journal?.handle?.close();
      });
    },
  };
}
