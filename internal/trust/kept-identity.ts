// Kept identity: key, certificate and CAs of this node, as files and as what connections are made with.

import { createPrivateKey, type X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { ChannelCredentials } from '@grpc/grpc-js';
import { Fault, messageOf } from '#internal/errors/errors.ts';
import { replaceFile } from '#internal/files/files.ts';
import {
  alarmingFrom,
  type Anchors,
  anchorsText,
  authorityId,
  certificateFacts,
  type CertificateFacts,
  certificatesOf,
  type Held,
  heldIn,
  shortId,
} from '#internal/identity/identity.ts';
import {
  clientCredentials,
  type Identity,
  principalName,
  principalOf,
  type RenewableServer,
  serverCredentials,
} from '#internal/rpc/rpc.ts';

/** Paths of PEM files. */
export interface IdentityFiles {
  readonly caFile: string;
  readonly certificateFile: string;
  readonly keyFile: string;
}

export interface KeptIdentity {
  /** PEM. */
  current(): Identity;
  facts(): CertificateFacts;
  /** Id of the CA that this node's certificate is of. */
  signer(): string;
  /** The CAs that are trusted, in the order of their file. */
  authorities(): readonly X509Certificate[];
  /** What the file of CAs says. */
  held(): Held;
  /** For connections to come. The same object until the next renewal: connections with it share their TCP connection. */
  client(): ChannelCredentials;
  readonly server: RenewableServer;
  /**
   * Trusts these CAs and no others, now and in its file.
   * @throws Fault `certificate` when its own certificate would be of none of them; nothing has changed then
   */
  trust(anchors: Pick<Anchors, 'trusted' | 'retired'>): Promise<void>;
  /**
   * Takes a new certificate into use. Which CAs are trusted stays as it is.
   * @throws Fault `certificate` for one that is not of our key and principal, of none of the CAs that are trusted now, or no
   * newer; nothing has changed then
   */
  take(certificate: string): Promise<void>;
  /** Hears of every certificate that was taken into use, and of every change of the CAs. */
  onTaken(listener: (identity: Identity) => void): void;
  /** What a person has to know: what ends soon. Sorted. */
  alarms(now: Date): readonly string[];
  /** When the certificate ends, and the first of the CAs. */
  ends(): { readonly node: Date; readonly ca: Date };
}

/** @throws Fault `certificate` with the file */
export function openIdentity(files: IdentityFiles): KeptIdentity {
  const { caFile, certificateFile, keyFile } = files;
  const key = read(keyFile);
  let identity: Identity = { ca: read(caFile), certificate: read(certificateFile), key };
  let { facts, authorities, principal, signer } = parsed(identity, certificateFile);
  let client = clientCredentials(identity);
  const server = serverCredentials(identity);
  const listeners = new Set<(next: Identity) => void>();
  const endOfCa = (): CertificateFacts['notAfter'] =>
    authorities.map(({ validToDate }) => validToDate).reduce((a, b) => (a < b ? a : b));
  // One at a time: each is decided on what the one before has left.
  let before: Promise<void> = Promise.resolve();
  const inTurn = (work: () => Promise<void>): Promise<void> => {
    before = before.then(work, work);
    return before;
  };
  const use = (next: Identity, fresh: Parsed): void => {
    identity = next;
    ({ facts, authorities, principal, signer } = fresh);
    client = clientCredentials(next);
    server.renew(next);
    for (const listener of listeners) listener(next);
  };

  async function trust(wanted: Pick<Anchors, 'trusted' | 'retired'>): Promise<void> {
    const ca = anchorsText(wanted);
    const next: Identity = { ...identity, ca };
    const fresh = parsed(next, "this node's certificate");
    await replaceFile(caFile, ca, publicMode);
    use(next, fresh);
  }

  async function take(certificate: string): Promise<void> {
    const next: Identity = { ca: identity.ca, certificate, key };
    const fresh = parsed(next, newCertificate);
    if (certificatesOf(certificate).length !== 1) throw new Fault('certificate', `${newCertificate} is not one alone`);
    if (fresh.principal !== principal)
      throw new Fault('certificate', `${newCertificate}: of ${fresh.principal || 'nobody'}, not of ${principal}`);
    if (fresh.facts.notAfter <= facts.notAfter) throw new Fault('certificate', `${newCertificate} ends no later`);
    await replaceFile(certificateFile, certificate, publicMode);
    use(next, fresh);
  }

  return {
    current: () => identity,
    facts: () => facts,
    signer: () => signer,
    authorities: () => authorities,
    held: () => heldIn(String(identity.ca)),
    client: () => client,
    server,
    trust: (wanted) => inTurn(() => trust(wanted)),
    take: (certificate) => inTurn(() => take(certificate)),
    onTaken: (listener) => void listeners.add(listener),
    alarms(now) {
      const said = (what: string, ends: Date): string => `${what} ends at ${ends.toISOString()}`;
      return [
        ...(alarmingFrom(facts) <= now ? [said("this node's certificate", facts.notAfter)] : []),
        ...authorities.flatMap((ca) =>
          alarmingFrom({ notBefore: ca.validFromDate, notAfter: ca.validToDate }) <= now
            ? [said(`the CA ${shortId(authorityId(ca))}`, ca.validToDate)]
            : [],
        ),
      ].sort();
    },
    ends: () => ({ node: facts.notAfter, ca: endOfCa() }),
  };
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (thrown) {
    throw new Fault('certificate', `${file} cannot be read: ${messageOf(thrown)}`, thrown);
  }
}

const newCertificate = 'the new certificate';
const publicMode = 0o644;

interface Parsed {
  readonly facts: CertificateFacts;
  readonly authorities: readonly X509Certificate[];
  /** `node/p1`; empty for one that names none. */
  readonly principal: string;
  readonly signer: string;
}

function parsed(identity: Identity, what: string): Parsed {
  let [facts, authorities, own]: [CertificateFacts?, (readonly X509Certificate[])?, boolean?] = [];
  let [leaf]: readonly X509Certificate[] = [];
  try {
    [leaf] = certificatesOf(String(identity.certificate));
    authorities = certificatesOf(String(identity.ca));
    facts = certificateFacts(String(identity.certificate));
    own = leaf?.checkPrivateKey(createPrivateKey(String(identity.key)));
  } catch (cause) {
    throw new Fault('certificate', `${what}: not a certificate of its key in PEM`, cause);
  }
  const signer = authorities.find((ca) => leaf?.checkIssued(ca) === true && leaf.verify(ca.publicKey));
  if (own !== true) throw new Fault('certificate', `${what}: not a certificate of this node's key`);
  if (signer === undefined) throw new Fault('certificate', `${what}: of none of the CAs that are trusted`);
  const principal = principalOf(leaf?.subjectAltName);
  const named = principal === undefined ? '' : principalName(principal);
  return { facts, authorities, principal: named, signer: authorityId(signer) };
}
