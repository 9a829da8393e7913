import { toBinary } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { Fault } from '#internal/errors/errors.ts';
import { cases, garbleFrom, seed } from '#internal/testkit/garble.ts';
import { fabricEvents, tunnelEvents } from '#internal/testkit/three-pops.ts';
import { personSchemas } from '#internal/model/model.ts';
import { personRecords } from '#internal/testkit/person-records.ts';
import {
  decodeOperation,
  decodePerson,
  decodeRecord,
  encodePerson,
  encodeRecord,
  isUnreadable,
  recordBytes,
} from './codec.ts';

test(`garbled records are unreadable or as good as any, and never a crash (seed ${seed}) [S1]`, () => {
  const garble = garbleFrom(seed);
  const right = [...fabricEvents(), ...tunnelEvents(1, 1n)].flatMap(({ kind, id, stored }) =>
    stored === undefined ? [] : [{ kind, id, bytes: recordBytes(kind, stored.record) }],
  );
  let readable = 0;
  const count = cases(40_000);
  for (let at = 0; at < count; at += 1) {
    const { kind, id, bytes } = right[at % right.length] as (typeof right)[number];
    const garbled = garble(bytes);
    try {
      decodeOperation(id, garbled);
    } catch (error) {
      if (!(error instanceof Fault && error.code === 'unreadable')) throw error;
    }
    const decoded = decodeRecord(kind, id, garbled);
    if (isUnreadable(decoded)) continue;
    readable += 1;
    // What is taken in can be written again.
    expect(() => encodeRecord(kind, id, decoded)).not.toThrow();
  }
  // A garbler that spoils nothing, or everything, has not tested what stands behind the first check.
  expect(readable).toBeGreaterThan(count / 100);
  expect(readable).toBeLessThan((count * 9) / 10);
});

test(`garbled records about people are unreadable or as good as any, and never a crash (seed ${seed}) [S1]`, () => {
  const garble = garbleFrom(seed + 1);
  const right = personRecords().map(({ kind, id, record }) => ({
    kind,
    id,
    bytes: toBinary(personSchemas[kind], record),
  }));
  for (const { kind, id, bytes } of right) expect(decodePerson(kind, id, bytes), kind).not.toHaveProperty('problem');
  let readable = 0;
  const count = cases(40_000);
  for (let at = 0; at < count; at += 1) {
    const { kind, id, bytes } = right[at % right.length] as (typeof right)[number];
    const decoded = decodePerson(kind, id, garble(bytes));
    if (isUnreadable(decoded)) continue;
    readable += 1;
    expect(() => encodePerson(kind, id, decoded)).not.toThrow();
  }
  expect(readable).toBeGreaterThan(count / 100);
  expect(readable).toBeLessThan((count * 9) / 10);
});
