// Kept identity: key, certificate and CAs of this node, as files and as what connections are made with.

import { createPrivateKey, type X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import type { ChannelCredentials } from '@grpc/grpc-js';
import { Fault, messageOf } from '#internal/errors/errors.ts';
import { alarmingFrom, certificateFacts, type CertificateFacts, certificatesOf } from '#internal/identity/identity.ts';
import { clientCredentials, type Identity, type RenewableServer, serverCredentials } from '#internal/rpc/rpc.ts';

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
  /** For connections to come. The same object until the next renewal: connections with it share their TCP connection. */
  client(): ChannelCredentials;
  readonly server: RenewableServer;
  /**
   * Takes a new certificate into use, and the CAs that are trusted from now on.
   * @throws Fault `certificate` for one that is not of our key, of none of these CAs, or no newer; nothing has changed then
   */
  take(certificate: string, authorities: string): Promise<void>;
  /** Hears of every certificate that was taken into use. */
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
  let [facts, authorities] = parsed(identity, certificateFile);
  let client = clientCredentials(identity);
  const server = serverCredentials(identity);
  const listeners = new Set<(next: Identity) => void>();
  const endOfCa = (): CertificateFacts['notAfter'] =>
    authorities.map(({ validToDate }) => validToDate).reduce((a, b) => (a < b ? a : b));

  return {
    current: () => identity,
    facts: () => facts,
    client: () => client,
    server,
    async take(certificate, trusted) {
      const next: Identity = { ca: trusted, certificate, key };
      const [nextFacts, nextAuthorities] = parsed(next, 'the new certificate');
      if (nextFacts.notAfter <= facts.notAfter) throw new Fault('certificate', 'the new certificate ends no later');
      if (String(identity.ca) !== trusted) await replace(caFile, trusted);
      await replace(certificateFile, certificate);
      [identity, facts, authorities] = [next, nextFacts, nextAuthorities];
      client = clientCredentials(next);
      server.renew(next);
      for (const listener of listeners) listener(next);
    },
    onTaken: (listener) => void listeners.add(listener),
    alarms(now) {
      const said = (what: string, ends: Date): string => `${what} ends at ${ends.toISOString()}`;
      return [
        ...(alarmingFrom(facts) <= now ? [said("this node's certificate", facts.notAfter)] : []),
        ...authorities.flatMap((ca) =>
          alarmingFrom({ notBefore: ca.validFromDate, notAfter: ca.validToDate }) <= now
            ? [said(`the CA ${ca.fingerprint256.replaceAll(':', '').slice(0, 16).toLowerCase()}`, ca.validToDate)]
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

function parsed(identity: Identity, what: string): [CertificateFacts, readonly X509Certificate[]] {
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
  return [facts, authorities];
}

/** Whole or not at all, whenever the machine stops. */
async function replace(file: string, text: string): Promise<void> {
  const beside = `${file}.new`;
  const handle = await open(beside, 'w', 0o644);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(beside, file);
}
