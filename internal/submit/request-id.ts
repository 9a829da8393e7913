// Request id: how a repeat is told from another request under the same id.

import { hash } from 'node:crypto';
import type { DescMessage, Message } from '@bufbuild/protobuf';
import { toBinary } from '@bufbuild/protobuf';
import type { Refusal } from '#internal/errors/errors.ts';
import { refuse } from '#internal/errors/errors.ts';
import type { Operation } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { Change } from '#internal/gen/pop44/v1/common_pb.ts';

const syntax = /^[A-Za-z0-9._-]{1,64}$/;

export function badRequestId(requestId: string): Refusal | undefined {
  if (requestId === '' || syntax.test(requestId)) return undefined;
  return refuse('invalid', {
    field: 'change.request_id',
    value: requestId,
    problem: 'is not a request id',
    cure: '1 to 64 characters of A-Z, a-z, 0-9, ".", "_" and "-"',
  });
}

/** Everything that was asked for; the request id itself does not count. */
export function askedFor<M extends Message & { change?: Change | undefined }>(
  schema: DescMessage,
  request: M,
): Uint8Array {
  const { change } = request;
  const asked = change === undefined ? request : { ...request, change: { ...change, requestId: '' } };
  return toBinary(schema, asked);
}

/** @param asked as askedFor gives it */
export function requestHash(schema: DescMessage, asked: Uint8Array): Uint8Array {
  return hash('sha256', Buffer.concat([Buffer.from(`${schema.typeName}\0`), asked]), 'buffer');
}

/** Whether the remembered operation is the one that `wanted` describes; a refusal when the id was used for another. */
export function reused(remembered: Operation, wanted: Operation): Refusal | undefined {
  const same =
    remembered.method === wanted.method &&
    remembered.principal === wanted.principal &&
    Buffer.compare(remembered.requestHash, wanted.requestHash) === 0;
  if (same) return undefined;
  return refuse('request-id-reused', {
    field: 'change.request_id',
    value: wanted.requestId,
    problem: 'was used for another request',
    cure: 'a new id for every new request; only a repeat keeps it',
  });
}
