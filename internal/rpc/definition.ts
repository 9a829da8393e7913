// Definition: what grpc-js wants to know of one method, made from its descriptor.

import type { DescMessage, DescMethod, Message } from '@bufbuild/protobuf';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';

/** Bytes that are not a message of the wanted type; a handler never sees it. */
export const malformed = Symbol('malformed');

/** `/pop44.v1.TunnelService/CreateTunnel` */
export function pathOf(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}

/** Takes a message or what `create` makes one from. */
export function serializer(schema: DescMessage): (value: unknown) => Buffer {
  return (value) => {
    const bytes = toBinary(schema, create(schema, value as Message));
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  };
}

export function deserializer(schema: DescMessage): (bytes: Buffer) => Message | typeof malformed {
  return (bytes) => {
    try {
      return fromBinary(schema, bytes);
    } catch {
      // Thrown here, grpc-js would answer INTERNAL, as if the fault were ours.
      return malformed;
    }
  };
}
