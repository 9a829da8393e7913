// Statement: heads of chains with the signature of the daemon that vouches for them.

import { createPrivateKey, sign, verify, X509Certificate } from 'node:crypto';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import {
  type AuditHeads,
  AuditHeadsSchema,
  type SignedHeads,
  SignedHeadsSchema,
} from '#internal/gen/pop44/store/v1/records_pb.ts';
import { type Identity, principalName, principalOf } from '#internal/rpc/rpc.ts';

// The same key signs handshakes and requests for certificates: nothing of these can pass for a statement.
const purpose = Buffer.from('pop44 audit heads 1\0', 'latin1');
const toSign = (signed: Uint8Array): Buffer => Buffer.concat([purpose, signed]);

/** With the key of a node's certificate. @throws what node:crypto says of a key that is none */
export function signedBy({ certificate, key }: Pick<Identity, 'certificate' | 'key'>, heads: SignedHeads): AuditHeads {
  const signed = toBinary(SignedHeadsSchema, heads);
  const signature = sign('sha256', toSign(signed), createPrivateKey(key));
  return create(AuditHeadsSchema, { signed, signature, certificate: certificate.toString() });
}

/** What the node of that id has signed, or why it cannot be believed. @param trusted CAs */
function opened(id: string, { signed, signature, certificate }: AuditHeads, trusted: readonly X509Certificate[]) {
  let heads: SignedHeads;
  let of: X509Certificate;
  try {
    heads = fromBinary(SignedHeadsSchema, signed);
    of = new X509Certificate(certificate);
  } catch {
    return 'cannot be read';
  }
  const principal = principalOf(of.subjectAltName);
  if (principal === undefined || principalName(principal) !== `node/${id}` || heads.nodeId !== id)
    return 'are not its own';
  if (!trusted.some((ca) => of.checkIssued(ca) && of.verify(ca.publicKey)))
    return 'are signed with a certificate of no CA that is trusted';
  const atMs = heads.at === undefined ? 0 : timestampMs(heads.at);
  if (atMs < of.validFromDate.getTime() || atMs > of.validToDate.getTime())
    return 'are signed with a certificate that was not good then';
  return verify('sha256', toSign(signed), of.publicKey, signature) ? heads : 'are not as it has signed them';
}

export interface Statements {
  readonly believed: readonly SignedHeads[];
  /** Why those of a node cannot be believed. */
  readonly problems: readonly { readonly nodeId: string; readonly problem: string }[];
}

/** @param cores nodes that vouch; what another has written counts for nothing */
export function openStatements(
  kept: ReadonlyMap<string, AuditHeads>,
  cores: readonly string[],
  trusted: readonly X509Certificate[],
): Statements {
  const believed: SignedHeads[] = [];
  const problems: { readonly nodeId: string; readonly problem: string }[] = [];
  for (const id of [...cores].sort()) {
    const record = kept.get(id);
    const outcome = record && opened(id, record, trusted);
    if (typeof outcome === 'string') problems.push({ nodeId: id, problem: outcome });
    else if (outcome !== undefined) believed.push(outcome);
  }
  return { believed, problems };
}
