// Disk format: batches and whole snapshots as payloads of frames.
//
// snapshot-N: a head, then slices of records. journal-N: a head, then a payload for each batch after that snapshot.

import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';
import type { Batch, RecordEvent, RecordKind } from '#internal/model/record.ts';
import { decodeRecord, isUnreadable, recordBytes, recordEvent } from './codec.ts';
import { parseRecordKey, recordKey } from './keys.ts';

const snapshotMark = 'pop44 snapshot 1';
const journalMark = 'pop44 journal 1';

export interface SnapshotHead {
  readonly revision: bigint;
  readonly records: number;
}

/** One batch, and the revision that it goes on from. */
export interface JournalBatch {
  readonly from: bigint;
  readonly revision: bigint;
  readonly events: readonly RecordEvent[];
  /** Records that stand in the file and could not be read. */
  readonly unreadable: readonly string[];
}

export function encodeSnapshotHead({ revision, records }: SnapshotHead): Uint8Array {
  return new BinaryWriter().string(snapshotMark).uint64(revision).uint32(records).finish();
}

/** Throws when it is none. */
export function decodeSnapshotHead(payload: Uint8Array): SnapshotHead {
  const reader = new BinaryReader(payload);
  if (reader.string() !== snapshotMark) throw new Error('not a snapshot');
  return { revision: BigInt(reader.uint64()), records: reader.uint32() };
}

/** @param continues its first batch goes on from the last of the journal before */
export function encodeJournalHead(continues: boolean): Uint8Array {
  return new BinaryWriter().string(journalMark).bool(continues).finish();
}

export function decodeJournalHead(payload: Uint8Array): { readonly continues: boolean } {
  const reader = new BinaryReader(payload);
  if (reader.string() !== journalMark) throw new Error('not a journal');
  return { continues: reader.bool() };
}

export function encodeEvents(events: readonly RecordEvent[]): Uint8Array {
  const writer = new BinaryWriter();
  writeEvents(writer, events);
  return writer.finish();
}

export function encodeBatch(from: bigint, batch: Batch): Uint8Array {
  const writer = new BinaryWriter().uint64(from).uint64(batch.revision);
  writeEvents(writer, batch.events);
  return writer.finish();
}

export function decodeEvents(payload: Uint8Array): Pick<JournalBatch, 'events' | 'unreadable'> {
  return readEvents(new BinaryReader(payload), payload.length);
}

export function decodeBatch(payload: Uint8Array): JournalBatch {
  const reader = new BinaryReader(payload);
  const from = BigInt(reader.uint64());
  const revision = BigInt(reader.uint64());
  return { from, revision, ...readEvents(reader, payload.length) };
}

function writeEvents(writer: BinaryWriter, events: readonly RecordEvent[]): void {
  for (const event of events) {
    writer.string(recordKey(event.kind, event.id)).uint64(event.stored?.revision ?? 0n);
    if (event.stored !== undefined) writer.bytes(recordBytes(event.kind, event.stored.record));
  }
}

function readEvents(reader: BinaryReader, length: number): Pick<JournalBatch, 'events' | 'unreadable'> {
  const events: RecordEvent[] = [];
  const unreadable: string[] = [];
  while (reader.pos < length) {
    const key = reader.string();
    const revision = BigInt(reader.uint64());
    const value = revision === 0n ? undefined : reader.bytes();
    const event = readEvent(key, revision, value);
    if (event === undefined) unreadable.push(key);
    else events.push(event);
  }
  return { events, unreadable };
}

function readEvent(key: string, revision: bigint, value: Uint8Array | undefined): RecordEvent | undefined {
  const parsed: { readonly kind: RecordKind; readonly id: string } | undefined = parseRecordKey(key);
  if (parsed === undefined) return undefined;
  const { kind, id } = parsed;
  if (value === undefined) return { kind, id } as RecordEvent;
  const record = decodeRecord(kind, id, value);
  return isUnreadable(record) ? undefined : recordEvent(kind, id, record, revision);
}
