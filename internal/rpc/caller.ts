// Caller: whose certificate a call came with.

import { createHash, X509Certificate } from 'node:crypto';
import type { PeerCertificate } from 'node:tls';
import type { ServerDuplexStream, ServerUnaryCall, ServerWritableStream } from '@grpc/grpc-js';
import { Fault, refuse } from '#internal/errors/errors.ts';
import { type Principal, principalOf } from './principal.ts';
import { Refused } from './status.ts';

export type AnyCall =
  | ServerUnaryCall<unknown, unknown>
  | ServerWritableStream<unknown, unknown>
  | ServerDuplexStream<unknown, unknown>;

// A connection has one certificate as long as it lives (TLS 1.3 knows no renegotiation), and Node takes it apart anew at
// each question: a tenth of what a unary call costs (measured).
const known = new WeakMap<object, Principal>();

/**
 * Refuses `unauthenticated`. Throws Fault `cancelled` where the connection is gone by now.
 */
export function callerOf(call: AnyCall): Principal {
  const connection = connectionOf(call);
  const before = connection && known.get(connection);
  if (before !== undefined) return before;
  const presented = certificateOf(call);
  const named = principalOf(presented?.subjectaltname);
  if (named === undefined || presented === undefined) {
    throw new Refused(
      refuse('unauthenticated', {
        problem: 'the certificate names no principal',
        cure: 'one URI SAN pop44://node/<id> or pop44://admin/<name>',
      }),
    );
  }
  const certificate = new X509Certificate(presented.raw);
  const publicKey = certificate.publicKey.export({ type: 'spki', format: 'der' });
  const publicKeyHash = createHash('sha256').update(publicKey).digest('hex');
  const { issuer, validToDate } = certificate;
  const principal = { ...named, certificate: { publicKey, publicKeyHash, issuer, endsMs: validToDate.getTime() } };
  if (connection !== undefined) known.set(connection, principal);
  return principal;
}

/** Its HTTP/2 session, where grpc-js 1.14 has it. A version that has it elsewhere is asked for each call's certificate. */
function connectionOf(call: AnyCall): object | undefined {
  const { stream } =
    (call as unknown as { readonly call?: { readonly stream?: { readonly session?: object } } }).call ?? {};
  return stream?.session;
}

/** Fails as a call whose caller went away where the connection is gone by now: grpc-js 1.14 then throws a TypeError. */
function certificateOf(call: AnyCall): PeerCertificate | undefined {
  try {
    return call.getAuthContext().sslPeerCertificate;
  } catch (thrown) {
    throw new Fault('cancelled', 'the connection is gone', thrown);
  }
}
