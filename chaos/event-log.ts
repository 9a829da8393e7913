// Event log: everything that was ever written under /pop44/, in the order in which etcd committed it.
//
// The keys are spelled out here a second time: a judge that asked the store where things stand would believe it.

import { fromBinary, type JsonValue, type Message, toJson } from '@bufbuild/protobuf';
import type { GenMessage } from '@bufbuild/protobuf/codegenv2';
import {
  type Audit,
  AuditSchema,
  type Candidate,
  CandidateSchema,
  type Operation,
  OperationSchema,
} from '#internal/gen/pop44/store/v1/records_pb.ts';
import { recordSchemas } from '#internal/model/model.ts';
import { type RecordEvent, type RecordKind, recordKinds } from '#internal/model/record.ts';

export const everything = '/pop44/';

/** Id of records that chaos itself writes to be a nuisance: they and their end are nobody's deed. */
export const poisonMark = 'chaos-poison';

/** One key's change. Absent value: deleted. */
export interface LoggedEvent {
  readonly revision: bigint;
  readonly key: string;
  readonly value?: Uint8Array;
  /** Of a listed key: when it was created. */
  readonly createRevision?: bigint;
}

export interface EventLog {
  /** What stood when the witness began, and the revision of that. */
  readonly base: readonly LoggedEvent[];
  readonly from: bigint;
  /** All that came after, in order. */
  readonly events: readonly LoggedEvent[];
  /** The witness was told everything up to here. */
  readonly to: bigint;
}

/** What a key and its value mean. An absent message: the key was deleted. */
export type Meaning =
  | { readonly is: 'record'; readonly event: RecordEvent }
  | { readonly is: 'operation'; readonly requestId: string; readonly operation?: Operation }
  | {
      readonly is: 'audit';
      readonly chain: string;
      readonly number: bigint;
      readonly audit?: Audit;
    }
  | { readonly is: 'leader'; readonly poolId: string; readonly candidate?: Candidate }
  /** Sessions, and keys of nobody. */
  | { readonly is: 'other' }
  | { readonly is: 'unreadable' };

const kinds: ReadonlySet<string> = new Set(recordKinds);
const readable = <T extends Message>(schema: GenMessage<T>, value: Uint8Array): T => fromBinary(schema, value);

export function meaningOf({ key, value, revision }: LoggedEvent): Meaning {
  const [, root, ...path] = key.split('/');
  if (root !== 'pop44' || path.at(-1) === poisonMark) return { is: 'other' };
  try {
    const [area, version, ...rest] = path;
    if (area === 'v1') return recordOf(version ?? '', rest.join('/'), value, revision);
    if (area === 'log' && version === 'v1') return logOf(rest, value);
    if (area === 'election' && version === 'v1' && rest[0] === 'leader') {
      const poolId = rest.slice(1).join('/');
      return { is: 'leader', poolId, ...(value && { candidate: readable(CandidateSchema, value) }) };
    }
    return { is: 'other' };
  } catch {
    return { is: 'unreadable' };
  }
}

function recordOf(kind: string, id: string, value: Uint8Array | undefined, revision: bigint): Meaning {
  if (!kinds.has(kind)) return { is: 'other' };
  const known = kind as RecordKind;
  if (value === undefined) return { is: 'record', event: { kind: known, id } };
  const record = fromBinary(recordSchemas[known], value);
  return { is: 'record', event: { kind: known, id, stored: { record, revision } } as RecordEvent };
}

function logOf([what, ...rest]: readonly string[], value: Uint8Array | undefined): Meaning {
  if (what === 'operation') {
    const requestId = rest.join('/');
    return { is: 'operation', requestId, ...(value && { operation: readable(OperationSchema, value) }) };
  }
  const [node = '', chain = '', number = ''] = rest;
  if (what !== 'audit' || !/^[0-9a-f]{16}$/.test(number)) return { is: 'other' };
  const place = { chain: `${node}/${chain}`, number: BigInt(`0x${number}`) };
  return { is: 'audit', ...place, ...(value && { audit: readable(AuditSchema, value) }) };
}

function shown(meaning: Meaning): JsonValue {
  switch (meaning.is) {
    case 'record': {
      const { event } = meaning;
      return event.stored === undefined ? null : toJson(recordSchemas[event.kind], event.stored.record);
    }
    case 'operation':
      return meaning.operation ? toJson(OperationSchema, meaning.operation) : null;
    case 'audit':
      return meaning.audit ? toJson(AuditSchema, meaning.audit) : null;
    case 'leader':
      return meaning.candidate ? toJson(CandidateSchema, meaning.candidate) : null;
    case 'other':
    case 'unreadable':
      return meaning.is;
  }
}

/** One JSON object a line, for people and other judges. */
export function* eventLines({ base, events }: EventLog): Generator<string> {
  const line = (event: LoggedEvent, listed: boolean): string => {
    const { key, value, revision } = event;
    const fields = { revision: revision.toString(), listed, key, deleted: value === undefined };
    return `${JSON.stringify({ ...fields, value: shown(meaningOf(event)) })}\n`;
  };
  for (const event of base) yield line(event, true);
  for (const event of events) yield line(event, false);
}
