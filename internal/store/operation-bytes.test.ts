import { create, toBinary } from '@bufbuild/protobuf';
import { TimestampSchema } from '@bufbuild/protobuf/wkt';
import { assert, bigInt, integer, option, property, record, string, uint8Array } from 'fast-check';
import { expect, test } from 'vitest';
import { OperationSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { operationBytes } from './operation-bytes.ts';

const times = record({
  seconds: bigInt({ min: -(1n << 40n), max: 1n << 40n }),
  nanos: integer({ min: 0, max: 999_999_999 }),
});
const fields = {
  requestId: string(),
  principal: string({ unit: 'grapheme' }),
  method: string(),
  requestHash: uint8Array(),
  response: uint8Array({ maxLength: 500 }),
  nodeId: string(),
  at: option(times),
  refusal: uint8Array({ maxLength: 100 }),
} as const;

test('the bytes of an operation are those of toBinary', () => {
  assert(
    property(record(fields), ({ at, ...rest }) => {
      const operation = create(OperationSchema, { ...rest, ...(at && { at: create(TimestampSchema, at) }) });
      expect(operationBytes(operation)).toEqual(toBinary(OperationSchema, operation));
    }),
  );
});

test('every field of an operation is among them, also of a newer daemon', () => {
  expect(Object.keys(fields).toSorted()).toEqual(OperationSchema.fields.map(({ localName }) => localName).toSorted());
  const newer = create(OperationSchema, { requestId: 'r' });
  newer.$unknown = [{ no: 500, wireType: 2, data: Buffer.from([1, 7]) }];
  expect(operationBytes(newer)).toEqual(toBinary(OperationSchema, newer));
});

test('an operation that cannot be written leaves nothing behind for the next', () => {
  const broken = create(OperationSchema, { requestId: 'broken', at: { nanos: 2 ** 40 } });
  expect(() => operationBytes(broken)).toThrow(/int32/);
  const next = create(OperationSchema, { requestId: 'next' });
  expect(operationBytes(next)).toEqual(toBinary(OperationSchema, next));
});
