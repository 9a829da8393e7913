// Caller: whose certificate a call came with, and what else tells of its caller.

import { createHash, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import type { PeerCertificate } from 'node:tls';
import type { ServerDuplexStream, ServerUnaryCall, ServerWritableStream } from '@grpc/grpc-js';
import { Fault, refuse } from '#internal/errors/errors.ts';
import { type Principal, principalOf } from './principal.ts';
import { Refused } from './status.ts';

export type AnyCall =
  | ServerUnaryCall<unknown, unknown>
  | ServerWritableStream<unknown, unknown>
  | ServerDuplexStream<unknown, unknown>;

/** What a call came with. */
export interface Presented {
  /** By its certificate; undefined: it has none. */
  readonly certified: Principal | undefined;
  /** The metadata `authorization`. */
  readonly authorization: string | undefined;
  /** The metadata `pop44-source`: for whom a front speaks. */
  readonly saidSource: string | undefined;
  /** IP address of the other end; empty: a socket of the machine. */
  readonly source: string;
}

interface Known {
  readonly certified: Principal | undefined;
  readonly source: string;
}

// A connection has one certificate as long as it lives (TLS 1.3 knows no renegotiation), and Node takes it apart anew at
// each question: a tenth of what a unary call costs (measured).
const known = new WeakMap<object, Known>();

/** Throws Fault `cancelled` where the connection is gone by now, and refuses a certificate that names nobody. */
export function presentedBy(call: AnyCall): Presented {
  const { certified, source } = otherEnd(call);
  return {
    certified,
    source,
    authorization: textOf(call, 'authorization'),
    saidSource: textOf(call, 'pop44-source'),
  };
}

function textOf({ metadata }: AnyCall, name: string): string | undefined {
  const [value] = metadata.get(name);
  return typeof value === 'string' ? value : undefined;
}

/** Refuses `unauthenticated`. Throws Fault `cancelled` where the connection is gone by now. */
export function callerOf(call: AnyCall): Principal {
  const { certified } = otherEnd(call);
  if (certified === undefined) throw new Refused(nameless);
  return certified;
}

const nameless = refuse('unauthenticated', {
  problem: 'the certificate names no principal',
  cure: 'one URI SAN pop44://node/<id> or pop44://admin/<name>',
});

function otherEnd(call: AnyCall): Known {
  const connection = connectionOf(call);
  const before = connection && known.get(connection);
  if (before !== undefined) return before;
  const source = sourceOf(call);
  const presented = certificateOf(call);
  const end: Known = { certified: presented && certifiedBy(presented, source), source };
  if (connection !== undefined) known.set(connection, end);
  return end;
}

function certifiedBy(presented: PeerCertificate, source: string): Principal {
  const named = principalOf(presented.subjectaltname);
  if (named === undefined) throw new Refused(nameless);
  const certificate = new X509Certificate(presented.raw);
  const publicKey = certificate.publicKey.export({ type: 'spki', format: 'der' });
  const publicKeyHash = createHash('sha256').update(publicKey).digest('hex');
  const { issuer, validToDate } = certificate;
  return { ...named, source, certificate: { publicKey, publicKeyHash, issuer, endsMs: validToDate.getTime() } };
}

/** `198.18.1.2:5000` and `[2001:db8::1]:5000` without their ports. */
function sourceOf(call: AnyCall): string {
  const peer = call.getPeer();
  const address = peer.startsWith('[') ? peer.slice(1, peer.indexOf(']')) : peer.slice(0, peer.lastIndexOf(':'));
  return isIP(address) === 0 ? '' : address.replace(/^::ffff:(?=[0-9.]+$)/i, '');
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
