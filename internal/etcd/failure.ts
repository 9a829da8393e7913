// Failure: what a failed call says about whether it happened.

import { Fault, messageOf } from '#internal/errors/errors.ts';

/**
 * - `unavailable`: never reached etcd, certainly not applied. May be tried elsewhere, writes too.
 * - `ambiguous`: deadline, reset, leader change, no space: it may have happened and may still happen.
 * - `compacted`: the revision asked for is gone. `behind`: the member does not have it yet.
 * - `too-large`: the answer passed the receive limit.
 * - `no-lease`: the lease named does not exist (any more); nothing was applied.
 * - `rejected`: etcd looked at it and said no (bad request, no permission).
 */
export type FailureCode = 'unavailable' | 'ambiguous' | 'compacted' | 'behind' | 'too-large' | 'no-lease' | 'rejected';

// grpc-js 1.14 says in these texts that no byte of the call has left this process (picker.ts, load-balancing-call.ts,
// resolving-call.ts, internal-channel.ts) or that the server's HTTP/2 layer refused the stream unread (RFC 9113 8.7).
// A text that we do not know counts as ambiguous, which costs time and never truth.
const neverSent =
  /^No connection established|^Name resolution failed|Waiting for LB pick|waiting for name resolution|waiting for metadata filters|^Failed to start HTTP\/2 stream|^Channel closed before call started|^Stream refused by server/;
// etcd v3rpc/interceptor.go: with `hasleader` in its metadata a call is turned away before anything is proposed.
const noLeader = 'etcdserver: no leader';
// etcd v3rpc/rpctypes: these mean that the member could not finish, not that the request is wrong.
const transient = new Set([1, 2, 4, 8, 10, 13, 14, 15]);

/** A Fault whose code is a FailureCode. `call` names the method and the endpoint. */
export function failureOf(thrown: unknown, call: string): Fault {
  if (thrown instanceof Fault) return thrown;
  const message = messageOf(thrown);
  return new Fault(codeOf(message), `etcd: ${call}: ${message.replaceAll(/\s+/g, ' ').trim()}`, thrown);
}

export function failureCode(thrown: unknown): FailureCode | undefined {
  return thrown instanceof Fault ? (thrown.code as FailureCode) : undefined;
}

function codeOf(message: string): FailureCode {
  // grpc-js callErrorFromStatus: "14 UNAVAILABLE: details". etcd3 keeps this text and drops the code, and writes of a
  // lost lease "Lease 5 NOT_FOUND: ... is expired or revoked".
  const parts = /^(?:Lease )?(\d+) [A-Z_]+: ([\s\S]*)$/.exec(message);
  if (parts === null) return 'ambiguous';
  const details = parts[2] ?? '';
  if (neverSent.test(details) || details === noLeader) return 'unavailable';
  if (details.includes('required revision has been compacted')) return 'compacted';
  if (details.includes('required revision is a future revision')) return 'behind';
  if (details.includes('requested lease not found')) return 'no-lease';
  if (details.startsWith('Received message larger than max')) return 'too-large';
  return transient.has(Number(parts[1])) ? 'ambiguous' : 'rejected';
}
