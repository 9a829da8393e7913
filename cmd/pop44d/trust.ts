// What a daemon trusts and is trusted by: its certificate, the CAs, the keys of those that it holds, and the join port.

import { createPublicKey } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import type { Api, Joining } from '#internal/api/api.ts';
import type { Clock } from '#internal/clock/clock.ts';
import type { NodeConfig } from '#internal/config/config.ts';
import { Fault, messageOf } from '#internal/errors/errors.ts';
import { openEtcd } from '#internal/etcd/etcd.ts';
import { type Authority, authorityId, openAuthorities } from '#internal/identity/identity.ts';
import { listenForJoins } from '#internal/join/join.ts';
import type { Log } from '#internal/log/log.ts';
import { signingAuthority, type Snapshot } from '#internal/model/model.ts';
import type { Identity } from '#internal/rpc/rpc.ts';
import { type KeptIdentity, openIdentity } from '#internal/trust/trust.ts';

export interface Trust {
  readonly identity: KeptIdentity;
  /** PEM: every CA that is trusted. */
  trusted(): string;
  /** The CA that signs by these records, where its key is here. @throws Fault `authority` */
  authority(snapshot: Snapshot): Authority | undefined;
  readonly joining?: Joining;
}

export const tlsOf = ({ ca, certificate, key }: Identity) => ({
  ca: Buffer.from(ca),
  certificate: Buffer.from(certificate),
  key: Buffer.from(key),
});

/** @throws Fault `certificate`, `authority` */
export function openTrust(config: NodeConfig, clock: Clock): Trust {
  const { nodeId, tls, ca, join, etcd } = config;
  const identity = openIdentity(tls);
  const trusted = (): string => String(identity.current().ca);
  if (ca === undefined) return { identity, trusted, authority: () => undefined };
  // Read each time, which is seldom: the key of the next CA comes into it while the daemon runs.
  const held = (): readonly Authority[] => {
    // Whoever can read it can be any node.
    if ((statSync(ca.keyFile).mode & 0o077) !== 0)
      throw new Fault('authority', `${ca.keyFile} can be read by others (chmod 600)`);
    return openAuthorities({
      keyPem: readFileSync(ca.keyFile, 'utf8'),
      trustedPem: trusted(),
      ...(ca.certificateSeconds === undefined ? {} : { validForMs: ca.certificateSeconds * 1_000 }),
    });
  };
  held();

  /** As this node, with a certificate that nobody sees but the store. */
  async function storesAgainst(authority: Authority): Promise<readonly string[]> {
    const own = identity.current();
    const spki = createPublicKey(String(own.key)).export({ type: 'spki', format: 'der' });
    const certificate = await authority.sign({ id: nodeId, addresses: [config.mesh.address] }, spki, clock.wall());
    const said = etcd.endpoints.map(async (endpoint) => {
      const client = openEtcd({ endpoints: [endpoint], tls: tlsOf({ ...own, certificate }), clock });
      try {
        await client.header();
        return [];
      } catch (thrown) {
        return [`${endpoint}: ${messageOf(thrown)}`];
      } finally {
        client.close();
      }
    });
    return (await Promise.all(said)).flat();
  }

  const joining: Joining = {
    held,
    storesAgainst,
    addresses: (join?.announce ?? join?.listen ?? []).map((address) => `${nodeId}@${address}`),
    etcdEndpoints: etcd.endpoints,
    progressNotifyMs: etcd.progressNotifyMs,
  };
  const authority = (snapshot: Snapshot): Authority | undefined => {
    const signing = signingAuthority(snapshot)?.record.id;
    return signing === undefined ? held()[0] : held().find(({ id }) => id === signing);
  };
  return { identity, trusted, authority, joining };
}

/** Undefined where joins are not taken. @throws Fault `listen` */
export async function openJoinPort(
  { join }: NodeConfig,
  { identity, joining }: Trust,
  { api, clock, log }: { readonly api: Api; readonly clock: Clock; readonly log: Log },
): Promise<{ close(): Promise<void> } | undefined> {
  if (join === undefined || joining === undefined) return undefined;
  // The CA of its own certificate goes along: it is the one that tokens name, which are used up before another signs.
  const own = () => {
    const { certificate, key } = identity.current();
    const signer = identity.authorities().find((each) => authorityId(each) === identity.signer());
    return { certificate: String(certificate), key: String(key), authority: signer?.toString() ?? '' };
  };
  const listener = await listenForJoins({ listen: join.listen, identity: own(), join: api.join, clock, log });
  identity.onTaken(() => listener.renew(own()));
  return listener;
}
