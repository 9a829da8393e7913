// Codec: records and operations as the bytes that stand in etcd and on disk.

import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { Fault } from '#internal/errors/errors.ts';
import { type Operation, OperationSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { type PersonKind, type PersonRecords, personSchemas, recordSchemas } from '#internal/model/model.ts';
import type { RecordEvent, RecordKind, Records } from '#internal/model/record.ts';
import { personProblem } from './check-people.ts';
import { problemOf } from './checks.ts';
import { operationBytes } from './operation-bytes.ts';

// etcd takes requests of 1.5 MiB; a record is 100 to 500 bytes.
export const largestValue = 1024 * 1024;

/** `problem` never tells the value. */
export interface Unreadable {
  readonly problem: string;
}
export const isUnreadable = (decoded: object): decoded is Unreadable => 'problem' in decoded;

/** A record that its key and its kind allow. Fields that this build does not know are kept. Never throws. */
export function decodeRecord<K extends RecordKind>(kind: K, id: string, value: Uint8Array): Records[K] | Unreadable {
  if (value.length > largestValue) return { problem: `${value.length} bytes` };
  let record: Records[K];
  try {
    // Copied: byte and unknown fields are views, and would hold on to the whole received message. (A Buffer's own
    // slice() is a view too.)
    record = fromBinary(recordSchemas[kind], new Uint8Array(value));
  } catch {
    return { problem: `not a ${kind} in protobuf` };
  }
  const problem = problemOf(kind, record, id);
  return problem === undefined ? record : { problem };
}

export function recordBytes(kind: RecordKind, record: Records[RecordKind]): Uint8Array {
  return toBinary(recordSchemas[kind], record);
}

/** @throws Fault `unreadable` when decodeRecord would not take it back: nothing is written that nobody can read */
export function encodeRecord(kind: RecordKind, id: string, record: Records[RecordKind]): Uint8Array {
  const value = recordBytes(kind, record);
  const problem = value.length > largestValue ? `${value.length} bytes` : problemOf(kind, record, id);
  if (problem !== undefined) throw new Fault('unreadable', `${kind} ${id}: ${problem}`);
  return value;
}

export function personBytes(kind: PersonKind, record: PersonRecords[PersonKind]): Uint8Array {
  return toBinary(personSchemas[kind], record);
}

/** As decodeRecord. */
export function decodePerson<K extends PersonKind>(
  kind: K,
  id: string,
  value: Uint8Array,
): PersonRecords[K] | Unreadable {
  if (value.length > largestValue) return { problem: `${value.length} bytes` };
  let record: PersonRecords[K];
  try {
    record = fromBinary(personSchemas[kind], new Uint8Array(value));
  } catch {
    return { problem: `not a ${kind} in protobuf` };
  }
  const problem = personProblem(kind, record, id);
  return problem === undefined ? record : { problem };
}

/** As encodeRecord. */
export function encodePerson(kind: PersonKind, id: string, record: PersonRecords[PersonKind]): Uint8Array {
  const value = personBytes(kind, record);
  const problem = value.length > largestValue ? `${value.length} bytes` : personProblem(kind, record, id);
  if (problem !== undefined) throw new Fault('unreadable', `${kind} ${id}: ${problem}`);
  return value;
}

/** What decodeRecord gave, as the event of its key. */
export function recordEvent(kind: RecordKind, id: string, record: Records[RecordKind], revision: bigint): RecordEvent {
  // `kind` is the one by which the record was decoded.
  return { kind, id, stored: { record, revision } } as RecordEvent;
}

/** @throws Fault `unreadable` */
export function decodeOperation(requestId: string, value: Uint8Array): Operation {
  let operation: Operation;
  try {
    operation = fromBinary(OperationSchema, new Uint8Array(value));
  } catch (thrown) {
    throw new Fault('unreadable', `operation ${requestId}: not an operation in protobuf`, thrown);
  }
  if (operation.requestId !== requestId) throw new Fault('unreadable', `operation ${requestId}: of another request`);
  return operation;
}

/** @throws Fault `unreadable` when it is too large */
export function encodeOperation(operation: Operation): Uint8Array {
  const value = operationBytes(operation);
  if (value.length > largestValue) throw new Fault('unreadable', `operation: ${value.length} bytes`);
  return value;
}
