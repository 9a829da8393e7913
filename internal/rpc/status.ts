// Status: refusals and faults as gRPC statuses, and back.
//
// A refusal travels whole in the trailer `pop44-refusal-bin` (RefusalDetail), a fault's code in `pop44-fault`.

import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { ServiceError } from '@grpc/grpc-js';
import { Metadata, status } from '@grpc/grpc-js';
import type { Reason, Refusal } from '#internal/errors/errors.ts';
import { Fault, messageOf, reasons } from '#internal/errors/errors.ts';
import { type RefusalDetail, RefusalDetailSchema } from '#internal/gen/pop44/v1/common_pb.ts';

/** A refusal on its way through an exception: from a handler to the wire, and from the wire to the caller. */
export class Refused extends Error {
  readonly refusal: Refusal;
  constructor(refusal: Refusal) {
    super(refusal.message);
    this.name = 'Refused';
    this.refusal = refusal;
  }
}

export interface WireStatus {
  readonly code: status;
  readonly details: string;
  readonly metadata: Metadata;
}

const refusalKey = 'pop44-refusal-bin';
const faultKey = 'pop44-fault';

const codeOf: { readonly [R in Reason]: status } = {
  invalid: status.INVALID_ARGUMENT,
  required: status.INVALID_ARGUMENT,
  'host-bits': status.INVALID_ARGUMENT,
  'excluded-space': status.INVALID_ARGUMENT,
  misaligned: status.INVALID_ARGUMENT,
  'outside-pool': status.INVALID_ARGUMENT,
  'family-mismatch': status.INVALID_ARGUMENT,
  'weak-password': status.INVALID_ARGUMENT,
  'not-found': status.NOT_FOUND,
  'already-exists': status.ALREADY_EXISTS,
  'duplicate-key': status.ALREADY_EXISTS,
  'request-id-reused': status.ALREADY_EXISTS,
  overlap: status.ALREADY_EXISTS,
  taken: status.ALREADY_EXISTS,
  'stale-etag': status.ABORTED,
  conflict: status.ABORTED,
  'pool-exhausted': status.RESOURCE_EXHAUSTED,
  'quota-exceeded': status.RESOURCE_EXHAUSTED,
  busy: status.RESOURCE_EXHAUSTED,
  'in-use': status.FAILED_PRECONDITION,
  reserved: status.FAILED_PRECONDITION,
  'has-children': status.FAILED_PRECONDITION,
  'below-use': status.FAILED_PRECONDITION,
  'no-pool': status.FAILED_PRECONDITION,
  frozen: status.FAILED_PRECONDITION,
  suspended: status.FAILED_PRECONDITION,
  'rotation-open': status.FAILED_PRECONDITION,
  'not-ready': status.FAILED_PRECONDITION,
  held: status.FAILED_PRECONDITION,
  unauthenticated: status.UNAUTHENTICATED,
  expired: status.UNAUTHENTICATED,
  used: status.FAILED_PRECONDITION,
  revoked: status.PERMISSION_DENIED,
  forbidden: status.PERMISSION_DENIED,
  'not-owner': status.PERMISSION_DENIED,
  unavailable: status.UNAVAILABLE,
  // The one code whose definition says that the change may have been made all the same (grpc/statuscodes).
  pending: status.DEADLINE_EXCEEDED,
};

/** Faults whose code and text are meant for the caller; every other one is INTERNAL and keeps its text at home. */
const faultCodes: ReadonlyMap<string, status> = new Map([
  ['unavailable', status.UNAVAILABLE],
  ['pending', status.DEADLINE_EXCEEDED],
  ['cancelled', status.CANCELLED],
]);

// A header list is limited to 64 KiB as a whole (Node's http2: maxHeaderListSize 65,535); refusals stay far below.
const textLimit = 1_000;

/** grpc-js puts details through encodeURI, which throws on half a surrogate pair, as a cut value can end with. */
const text = (details: string): string => details.slice(0, textLimit).toWellFormed();

/** As it goes over the wire, in a status or in an answer of a stream. */
export function refusalDetail(refusal: Refusal): RefusalDetail {
  return create(RefusalDetailSchema, {
    reason: refusal.refused,
    field: text(refusal.field),
    value: text(refusal.value),
    cure: text(refusal.cure),
    obstacles: (refusal.obstacles ?? []).map(text),
    message: text(refusal.message),
    restMs: Math.ceil(refusal.restMs ?? 0),
  });
}

export function refusalOf(detail: RefusalDetail): Refusal {
  const { reason, field, value, cure, obstacles, message, restMs } = detail;
  // A newer daemon's word: what is known is that it was refused.
  const refused = isReason(reason) ? reason : 'invalid';
  return {
    refused,
    field,
    value,
    cure,
    message,
    ...(obstacles.length > 0 && { obstacles }),
    ...(restMs > 0 && { restMs }),
  };
}

function refusalStatus(refusal: Refusal): WireStatus {
  const metadata = new Metadata();
  metadata.set(refusalKey, Buffer.from(toBinary(RefusalDetailSchema, refusalDetail(refusal))));
  return { code: codeOf[refusal.refused], details: text(refusal.message), metadata };
}

/**
 * The status of whatever a handler threw. `unexpected`: it is none that a caller may hear of, so it should be reported.
 */
export function toStatus(thrown: unknown): WireStatus & { readonly unexpected: boolean } {
  if (thrown instanceof Refused) return { ...refusalStatus(thrown.refusal), unexpected: false };
  const metadata = new Metadata();
  if (thrown instanceof Fault) {
    const code = faultCodes.get(thrown.code);
    if (code !== undefined) {
      metadata.set(faultKey, thrown.code);
      return { code, details: text(thrown.message), metadata, unexpected: false };
    }
  }
  return { code: status.INTERNAL, details: 'internal fault; the daemon logged it', metadata, unexpected: true };
}

function isReason(word: string): word is Reason {
  return (reasons as readonly string[]).includes(word);
}

/** Stable words for the statuses that grpc itself makes. */
const ownWords: ReadonlyMap<status, string> = new Map([
  // The connection went away under the call: what it asked for may have been done.
  [status.UNAVAILABLE, 'dropped'],
  [status.DEADLINE_EXCEEDED, 'deadline'],
  [status.CANCELLED, 'cancelled'],
  [status.RESOURCE_EXHAUSTED, 'too-large'],
  [status.UNIMPLEMENTED, 'unimplemented'],
]);

// grpc-js 1.14 says in these texts that no byte of the call has left this process (picker.ts, load-balancing-call.ts,
// internal-channel.ts) or that the server's HTTP/2 layer refused the stream unread (RFC 9113 8.7).
const neverSent =
  /^No connection established|^Name resolution failed|^Failed to start HTTP\/2 stream|^Channel closed before call started|^Stream refused by server/;

function isServiceError(thrown: unknown): thrown is ServiceError {
  return thrown instanceof Error && 'code' in thrown && 'details' in thrown && 'metadata' in thrown;
}

/**
 * What a client throws: a Refused as the server refused it, or a Fault: `unavailable` (nothing was done), `pending`,
 * `deadline` and `dropped` (it may have been), `cancelled`, `too-large`, `unimplemented`, `internal`.
 */
export function fromStatus(thrown: unknown): Refused | Fault {
  if (thrown instanceof Refused || thrown instanceof Fault) return thrown;
  if (!isServiceError(thrown)) return new Fault('internal', messageOf(thrown), thrown);
  const [detail] = thrown.metadata.get(refusalKey);
  if (Buffer.isBuffer(detail)) {
    const refusal = readDetail(detail, thrown.details);
    if (refusal !== undefined) return new Refused(refusal);
  }
  const [word] = thrown.metadata.get(faultKey);
  if (typeof word === 'string') return new Fault(word, thrown.details);
  if (thrown.code === status.UNAVAILABLE && neverSent.test(thrown.details)) {
    return new Fault('unavailable', thrown.details.replace(/ Resolution note:.*/, ''), thrown);
  }
  return new Fault(ownWords.get(thrown.code) ?? 'internal', thrown.details, thrown);
}

function readDetail(bytes: Buffer, message: string): Refusal | undefined {
  try {
    const detail = fromBinary(RefusalDetailSchema, bytes);
    return { ...refusalOf(detail), message };
  } catch {
    return undefined;
  }
}
