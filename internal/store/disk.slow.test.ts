import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { array, assert, asyncProperty, boolean, integer, nat } from 'fast-check';
import { expect, test } from 'vitest';
import type { Batch, RecordEvent } from '#internal/model/record.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { deletionOf, fabricEvents, tunnelEvents } from '#internal/testkit/three-pops.ts';
import { type Disk, type DiskEvent, openDisk } from './disk.ts';
import { encodeBatch, encodeEvents, encodeJournalHead, encodeSnapshotHead } from './disk-format.ts';
import { frame } from './frame.ts';

async function directory() {
  const path = await mkdtemp(join(tmpdir(), 'pop44-disk-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

const list = (revision: bigint, events: readonly RecordEvent[] = fabricEvents(revision)): Batch => ({
  revision,
  relisted: true,
  events,
});
const change = (revision: bigint, events: readonly RecordEvent[]): Batch => ({ revision, relisted: false, events });

/** The records of batches applied in order, by key. */
function fold(batches: readonly Batch[]): ReadonlyMap<string, RecordEvent> {
  let records = new Map<string, RecordEvent>();
  for (const batch of batches) {
    if (batch.relisted) records = new Map();
    for (const event of batch.events) {
      const key = `${event.kind} ${event.id}`;
      if (event.stored === undefined) records.delete(key);
      else records.set(key, event);
    }
  }
  return records;
}
const recordsOf = (batch: Batch | undefined) => batch && fold([batch]);

async function saved(
  path: string,
): Promise<{ readonly batch: Batch | undefined; readonly said: readonly DiskEvent[] }> {
  const said: DiskEvent[] = [];
  const disk = await openDisk(path, { report: (event) => said.push(event) });
  const batch = await disk.load();
  await disk.close();
  return { batch, said };
}

async function appendAll(disk: Disk, batches: readonly Batch[]): Promise<void> {
  await Promise.all(batches.map((batch) => disk.append(batch)));
}

/** A list and then tunnels that come, are rewritten and go. */
function history(steps: readonly number[]): readonly Batch[] {
  const live = new Set<number>();
  const changes = steps.map((n, at) => {
    const revision = BigInt(at + 11);
    if (live.delete(n)) return change(revision, deletionOf(tunnelEvents(n, revision)));
    live.add(n);
    return change(revision, tunnelEvents(n, revision));
  });
  return [list(10n), ...changes];
}

test('an empty directory holds nothing, and says nothing', async () => {
  await using place = await directory();
  expect(await saved(join(place.path, 'new'))).toEqual({ batch: undefined, said: [] });
});

test('what was appended is loaded again, over any number of lives', async () => {
  await assert(
    asyncProperty(array(integer({ min: 1, max: 9 }), { maxLength: 20 }), array(boolean()), async (steps, ends) => {
      await using place = await directory();
      const batches = history(steps);
      let disk = await openDisk(place.path);
      for (const [at, batch] of batches.entries()) {
        await disk.append(batch);
        if (!ends[at]) continue;
        await disk.close();
        disk = await openDisk(place.path);
        await disk.load();
      }
      await disk.close();
      const { batch, said } = await saved(place.path);
      expect(recordsOf(batch)).toEqual(fold(batches));
      expect(batch).toMatchObject({ relisted: true, revision: batches.at(-1)?.revision });
      expect(said).toEqual([]);
    }),
    { numRuns: 25 },
  );
});

test('a file cut anywhere gives an earlier state that was whole, and never throws', async () => {
  await using place = await directory();
  const batches = history([1, 2, 1, 3, 4, 2]);
  const disk = await openDisk(place.path);
  await appendAll(disk, batches);
  await disk.close();
  const states = batches.map((_, at) => fold(batches.slice(0, at + 1)));
  for (const name of await readdir(place.path)) {
    const file = join(place.path, name);
    const whole = await readFile(file);
    const cuts = Array.from({ length: 60 }, (_, n) => Math.floor((whole.length * n) / 60));
    for (const cut of cuts) {
      await writeFile(file, whole.subarray(0, cut));
      const { batch, said } = await saved(place.path);
      const state = recordsOf(batch);
      if (name.startsWith('snapshot')) expect(state).toBeUndefined();
      else expect(states).toContainEqual(state);
      if (name.startsWith('snapshot')) expect(said).toMatchObject([{ event: 'disk-damaged', file: name }]);
    }
    await writeFile(file, whole);
  }
  expect(recordsOf((await saved(place.path)).batch)).toEqual(states.at(-1));
});

test('no damaged byte is believed: an earlier whole state or nothing is loaded, and it is said', async () => {
  await using place = await directory();
  const batches = history([1, 2, 1, 3]);
  const disk = await openDisk(place.path);
  await appendAll(disk, batches);
  await disk.close();
  const states = [undefined, ...batches.map((_, at) => fold(batches.slice(0, at + 1)))];
  const names = await readdir(place.path);
  await assert(
    asyncProperty(nat(names.length - 1), nat(), integer({ min: 1, max: 255 }), async (which, where, flip) => {
      const file = join(place.path, names[which] ?? '');
      const whole = await readFile(file);
      const damaged = Buffer.from(whole);
      const at = where % whole.length;
      damaged.writeUInt8(whole.readUInt8(at) ^ flip, at);
      await writeFile(file, damaged);
      const { batch, said } = await saved(place.path);
      await writeFile(file, whole);
      expect(states).toContainEqual(recordsOf(batch));
      expect(said).toMatchObject([{ event: 'disk-damaged' }]);
    }),
    { numRuns: 200 },
  );
});

test('after damage a list begins anew, and the wreck is removed', async () => {
  await using place = await directory();
  const disk = await openDisk(place.path);
  await appendAll(disk, history([1, 2, 3]));
  await disk.close();
  for (const name of await readdir(place.path)) await writeFile(join(place.path, name), Buffer.alloc(64, 7));
  const again = await openDisk(place.path, { report: () => undefined });
  expect(await again.load()).toBeUndefined();
  const batches = [list(50n), change(51n, tunnelEvents(5, 51n))];
  await appendAll(again, batches);
  await again.close();
  expect(recordsOf((await saved(place.path)).batch)).toEqual(fold(batches));
  expect((await readdir(place.path)).length).toBe(2);
});

test('a crash while a snapshot is written loses nothing: the files before it are still there', async () => {
  await using place = await directory();
  await using copy = await directory();
  const disk = await openDisk(place.path);
  const batches = history(Array.from({ length: 1_500 }, (_, n) => 1 + (n % 40)));
  let caught = 0;
  for (const batch of batches) {
    await disk.append(batch);
    // What another process would find now, as after SIGKILL.
    const names = await readdir(place.path);
    if (!names.some((name) => name.endsWith('.tmp')) || !names.some((name) => /^snapshot-\d+$/.test(name))) continue;
    const contents = await Promise.all(names.map((name) => readFile(join(place.path, name)).catch(() => undefined)));
    if (contents.includes(undefined)) continue;
    caught++;
    for (const name of await readdir(copy.path)) await rm(join(copy.path, name));
    for (const [at, name] of names.entries()) await writeFile(join(copy.path, name), contents[at] ?? '');
    expect((await saved(copy.path)).batch?.revision).toBe(batch.revision);
  }
  await disk.close();
  expect(caught).toBeGreaterThan(0);
  expect(recordsOf((await saved(place.path)).batch)).toEqual(fold(batches));
});

test('a second journal is believed only where it goes on from the first', async () => {
  await using place = await directory();
  const batch = (n: number) => change(BigInt(n), tunnelEvents(n, BigInt(n)));
  const write = (name: string, payloads: readonly Uint8Array[]) =>
    writeFile(join(place.path, name), Buffer.concat(payloads.map(frame)));
  const revision = async () => (await saved(place.path)).batch?.revision;
  const events = fabricEvents(10n);
  await write('snapshot-1', [encodeSnapshotHead({ revision: 10n, records: events.length }), encodeEvents(events)]);
  const first = [encodeJournalHead(false), encodeBatch(10n, batch(11)), encodeBatch(11n, batch(12))];
  await write('journal-1', first);
  await write('journal-2', [encodeJournalHead(true), encodeBatch(12n, batch(13))]);
  expect(await revision()).toBe(13n);
  // The machine lost the end of the first, at the edge of a frame.
  await write('journal-1', first.slice(0, 2));
  expect(await revision()).toBe(11n);
  // It belongs to another list, whose snapshot was never finished.
  await write('journal-1', first);
  await write('journal-2', [encodeJournalHead(false), encodeBatch(12n, batch(13))]);
  expect(await revision()).toBe(12n);
});

test('the journal does not outgrow the snapshot for long', async () => {
  await using place = await directory();
  const disk = await openDisk(place.path);
  let revision = 10n;
  await disk.append(list(revision));
  const rewrite = () => disk.append(change(++revision, tunnelEvents(Number(1n + (revision % 5n)), revision)));
  // About 1.4 MB, of five tunnels.
  for (let n = 0; n < 3_000; n++) await rewrite();
  await eventually(async () => {
    await rewrite();
    const files = await Promise.all(
      (await readdir(place.path)).map((name) => readFile(join(place.path, name)).catch(() => Buffer.alloc(0))),
    );
    return Buffer.concat(files).length < 400_000;
  }, 5_000);
  await disk.close();
  expect((await saved(place.path)).batch?.revision).toBe(revision);
});

test('a place that cannot be written is said once, does not throw, and is tried again', async () => {
  await using place = await directory();
  const file = join(place.path, 'not-a-directory');
  await writeFile(file, '');
  let nowMs = 0;
  const clock = { monotonicMs: () => nowMs, wall: () => new Date(0), sleep: async () => undefined };
  const said: DiskEvent[] = [];
  const disk = await openDisk(file, { clock, report: (event) => said.push(event) });
  expect(await disk.load()).toBeUndefined();
  await disk.append(list(10n));
  await eventually(() => said.some(({ event }) => event === 'disk-failed'), 1_000);
  for (let n = 1; n < 9; n++) await disk.append(change(10n + BigInt(n), tunnelEvents(n, 10n + BigInt(n))));
  expect(said.length).toBeLessThan(6);
  await rm(file);
  nowMs = 60_000;
  await disk.append(change(20n, tunnelEvents(20, 20n)));
  await disk.close();
  expect((await saved(file)).batch?.revision).toBe(20n);
});
