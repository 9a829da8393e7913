// What a daemon trusts and is trusted by: its certificate, the CA's key where it has it, and the join port.

import { readFileSync, statSync } from 'node:fs';
import type { Api, Joining } from '#internal/api/api.ts';
import type { Clock } from '#internal/clock/clock.ts';
import type { NodeConfig } from '#internal/config/config.ts';
import { Fault } from '#internal/errors/errors.ts';
import { type Authority, openAuthority } from '#internal/identity/identity.ts';
import { listenForJoins } from '#internal/join/join.ts';
import type { Log } from '#internal/log/log.ts';
import { type KeptIdentity, openIdentity } from '#internal/trust/trust.ts';

export interface Trust {
  readonly identity: KeptIdentity;
  readonly authority?: Authority;
  readonly joining?: Joining;
}

/** @throws Fault `certificate`, `authority` */
export function openTrust({ nodeId, tls, ca, join, etcd }: NodeConfig): Trust {
  const identity = openIdentity(tls);
  if (ca === undefined) return { identity };
  // Whoever can read it can be any node.
  if ((statSync(ca.keyFile).mode & 0o077) !== 0)
    throw new Fault('authority', `${ca.keyFile} can be read by others (chmod 600)`);
  const authority = openAuthority({
    keyPem: readFileSync(ca.keyFile, 'utf8'),
    trustedPem: String(identity.current().ca),
    ...(ca.certificateSeconds === undefined ? {} : { validForMs: ca.certificateSeconds * 1_000 }),
  });
  const joining: Joining = {
    authority,
    authorities: () => String(identity.current().ca),
    addresses: (join?.announce ?? join?.listen ?? []).map((address) => `${nodeId}@${address}`),
    etcdEndpoints: etcd.endpoints,
    progressNotifyMs: etcd.progressNotifyMs,
  };
  return { identity, authority, joining };
}

/** Undefined where joins are not taken. @throws Fault `listen` */
export async function openJoinPort(
  { join }: NodeConfig,
  { identity, authority }: Trust,
  { api, clock, log }: { readonly api: Api; readonly clock: Clock; readonly log: Log },
): Promise<{ close(): Promise<void> } | undefined> {
  if (join === undefined || authority === undefined) return undefined;
  const own = () => {
    const { certificate, key } = identity.current();
    return { certificate: String(certificate), key: String(key), authority: authority.certificatePem };
  };
  const listener = await listenForJoins({ listen: join.listen, identity: own(), join: api.join, clock, log });
  identity.onTaken(() => listener.renew(own()));
  return listener;
}
