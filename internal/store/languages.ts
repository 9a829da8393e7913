// Languages: how the records of the two snapshots are read.

import type { PersonEvent } from '#internal/model/model.ts';
import type { RecordEvent } from '#internal/model/record.ts';
import { decodePerson, decodeRecord, isUnreadable, personBytes, recordBytes, recordEvent } from './codec.ts';
import type { Language } from './follow.ts';
import { parsePersonKey, parseRecordKey, peoplePrefix, personKey, recordKey, recordsPrefix } from './keys.ts';

export const fabric: Language<RecordEvent> = {
  prefix: recordsPrefix,
  keyOf: ({ kind, id }) => recordKey(kind, id),
  read(key, value, revision) {
    const parsed = parseRecordKey(key);
    if (parsed === undefined) return undefined;
    const record = decodeRecord(parsed.kind, parsed.id, value);
    return isUnreadable(record) ? record : recordEvent(parsed.kind, parsed.id, record, revision);
  },
  bytesOf: ({ kind, stored }) => (stored === undefined ? new Uint8Array() : recordBytes(kind, stored.record)),
};

export const people: Language<PersonEvent> = {
  prefix: peoplePrefix,
  keyOf: ({ kind, id }) => personKey(kind, id),
  read(key, value, revision) {
    const parsed = parsePersonKey(key);
    if (parsed === undefined) return undefined;
    const { kind, id } = parsed;
    const record = decodePerson(kind, id, value);
    // `kind` is the one by which the record was decoded.
    return isUnreadable(record) ? record : ({ kind, id, stored: { record, revision } } as PersonEvent);
  },
  bytesOf: ({ kind, stored }) => (stored === undefined ? new Uint8Array() : personBytes(kind, stored.record)),
};
