// Credentials: mutual TLS 1.3 under the network's own CA, for both ends.

import { createSecureContext } from 'node:tls';
import { ChannelCredentials, ServerCredentials } from '@grpc/grpc-js';

/** PEM texts. */
export interface Identity {
  readonly ca: Buffer | string;
  readonly certificate: Buffer | string;
  readonly key: Buffer | string;
}

// Both ends are ours, so there is no older peer to please.
const minVersion = 'TLSv1.3';

/** A server's credentials, to be changed while it serves. */
export interface RenewableServer {
  readonly credentials: ServerCredentials;
  /** For connections to come; those that stand go on. */
  renew(identity: Identity): void;
}

// grpc-js's createSsl takes no minimum version.
class RenewableTls extends ServerCredentials {
  constructor(identity: Identity, mutual: boolean) {
    super(
      { requestCert: mutual, rejectUnauthorized: mutual, minVersion },
      { ca: identity.ca, cert: identity.certificate, key: identity.key },
    );
  }
  renew(identity: Identity): void {
    // grpc-js hands it to setSecureContext of every port, whose listeners keep what they were made with besides.
    this.updateSecureContextOptions({
      ca: identity.ca,
      cert: identity.certificate,
      key: identity.key,
      minVersion,
    });
  }
  override _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}

/** Asks every client for a certificate of the CA and ends the connection of one that has none. */
export function serverCredentials(identity: Identity): RenewableServer {
  return renewable(new RenewableTls(identity, true));
}

/** Asks no client for a certificate: who calls is told by a login or a token, or is nobody. */
export function publicCredentials(identity: Identity): RenewableServer {
  return renewable(new RenewableTls(identity, false));
}

const renewable = (credentials: RenewableTls): RenewableServer => ({
  credentials,
  renew: (next) => credentials.renew(next),
});

/** Of who has no certificate: only the other end shows one. */
export function certlessCredentials(ca: Buffer | string): ChannelCredentials {
  return ChannelCredentials.createFromSecureContext(createSecureContext({ ca, minVersion }));
}

export function clientCredentials(identity: Identity): ChannelCredentials {
  return ChannelCredentials.createFromSecureContext(
    createSecureContext({ ca: identity.ca, cert: identity.certificate, key: identity.key, minVersion }),
  );
}
