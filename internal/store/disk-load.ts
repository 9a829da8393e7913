// Disk load: the newest state that the files of a directory hold.

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '#internal/errors/errors.ts';
import type { RecordEvent } from '#internal/model/record.ts';
import { decodeBatch, decodeEvents, decodeJournalHead, decodeSnapshotHead } from './disk-format.ts';
import { readFrames } from './frame.ts';
import { allHeld, apply, type Held, nothingHeld } from './held.ts';
import { shownKey } from './keys.ts';

export interface Loaded {
  readonly revision: bigint;
  readonly records: Held;
}

interface State {
  revision: bigint;
  readonly records: Held;
}

export const snapshotName = (generation: number): string => `snapshot-${generation}`;
export const journalName = (generation: number): string => `journal-${generation}`;

/** Generation of one of our files, whole or temporary; undefined of others. */
export function generationOf(name: string): number | undefined {
  const [, digits] = /^(?:snapshot|journal)-(\d{1,15})(?:\.tmp)?$/.exec(name) ?? [];
  return digits === undefined ? undefined : Number(digits);
}

/** Never throws: what cannot be believed is told to `say` (file, problem) and left out. */
export async function loadDisk(
  directory: string,
  say: (file: string, problem: string) => void,
): Promise<Loaded | undefined> {
  let names: string[];
  try {
    names = await readdir(directory);
  } catch (thrown) {
    say(directory, messageOf(thrown));
    return undefined;
  }
  const generations = names.flatMap((name) => (/^snapshot-\d{1,15}$/.test(name) ? [Number(name.slice(9))] : []));
  for (const generation of generations.toSorted((a, b) => b - a)) {
    const state = await attempt(snapshotName(generation), say, async (file) => {
      return readSnapshot(await readFile(join(directory, file)), (problem) => say(file, problem));
    });
    if (state === undefined) continue;
    for (let at = generation; names.includes(journalName(at)); at++) {
      const goesOn = await attempt(journalName(at), say, async (file) => {
        const content = await readFile(join(directory, file));
        return replay(state, content, at === generation, (problem) => say(file, problem));
      });
      if (goesOn !== true) break;
    }
    return state;
  }
  return undefined;
}

/** All records as they were saved last, for who only reads them: the daemon may go on writing. Undefined: there are none. */
export async function readSavedRecords(directory: string): Promise<readonly RecordEvent[] | undefined> {
  const loaded = await loadDisk(directory, () => undefined);
  return loaded && allHeld(loaded.records);
}

async function attempt<T>(
  file: string,
  say: (file: string, problem: string) => void,
  read: (file: string) => Promise<T>,
): Promise<T | undefined> {
  try {
    return await read(file);
  } catch (thrown) {
    say(file, messageOf(thrown));
    return undefined;
  }
}

/** Whole or not at all. */
function readSnapshot(content: Buffer, say: (problem: string) => void): State {
  const { payloads, soundBytes } = readFrames(content);
  const [first, ...slices] = payloads;
  if (first === undefined) throw new Error('no sound head');
  const head = decodeSnapshotHead(first);
  const records = nothingHeld();
  let found = 0;
  for (const payload of slices) {
    const { events, unreadable } = decodeEvents(payload);
    found += events.length + unreadable.length;
    apply(records, events);
    for (const key of unreadable) say(`cannot read ${shownKey(key)}`);
  }
  if (soundBytes !== content.length || found !== head.records) {
    throw new Error(`${found} of ${head.records} records in ${soundBytes} sound bytes of ${content.length}`);
  }
  return { revision: head.revision, records };
}

/** Applies the batches up to the first that cannot be believed; true when none was such. */
function replay(state: State, content: Buffer, ofSnapshot: boolean, say: (problem: string) => void): boolean {
  const { payloads, soundBytes } = readFrames(content);
  const [first, ...batches] = payloads;
  if (first !== undefined && !ofSnapshot && !decodeJournalHead(first).continues) return false;
  for (const payload of batches) {
    const batch = decodeBatch(payload);
    if (batch.from !== state.revision) {
      say(`goes on from ${batch.from}, not ${state.revision}`);
      return false;
    }
    apply(state.records, batch.events);
    for (const key of batch.unreadable) say(`cannot read ${shownKey(key)}`);
    state.revision = batch.revision;
  }
  if (soundBytes !== content.length) say(`torn: ${content.length - soundBytes} bytes cut off`);
  return soundBytes === content.length;
}
