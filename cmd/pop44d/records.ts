// Records: what a daemon holds of etcd: the store, the leads of pools, and the last good snapshot on disk.

import { join } from 'node:path';
import type { Clock } from '#internal/clock/clock.ts';
import type { NodeConfig } from '#internal/config/config.ts';
import { type Election, type ElectionEvent, openElection } from '#internal/election/election.ts';
import { openEtcd } from '#internal/etcd/etcd.ts';
import type { Log } from '#internal/log/log.ts';
import type { Identity } from '#internal/rpc/rpc.ts';
import { type Disk, type DiskEvent, openDisk, openStore, type Store, type StoreEvent } from '#internal/store/store.ts';
import { tlsOf } from './trust.ts';

/** reliability: a renewal each third, and room for an election of etcd's own. Nothing of the data plane waits for it. */
const usualElectionTtlSeconds = 10;

/** Events of healthy stores and elections; everything else is for an operator's eyes. */
const usual: ReadonlySet<string> = new Set(['watch-opened', 'relisted', 'elected', 'resigned']);

export interface Records {
  readonly store: Store;
  readonly election: Election;
  readonly disk: Disk;
  /** Connections from now on bear the next certificate. */
  renew(next: Identity): void;
  /** Nobody follows, leads or writes any more. */
  close(): Promise<void>;
}

export async function openRecords(
  config: NodeConfig,
  first: Identity,
  {
    clock,
    log,
    eligible,
  }: { readonly clock: Clock; readonly log: Log; readonly eligible: (nodeId: string) => boolean },
): Promise<Records> {
  const { nodeId } = config;
  const { endpoints, progressNotifyMs } = config.etcd;
  const report = ({ event, ...fields }: StoreEvent | DiskEvent | ElectionEvent): void => {
    const told = Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, String(value)]));
    if (usual.has(event)) log.info(event, told);
    else log.warn(event, told);
  };
  const tls = tlsOf(first);
  const store = openStore({ endpoints, tls, clock, nodeId, progressNotifyMs, report });
  const disk = await openDisk(join(config.stateDir, 'snapshot'), { clock, report });
  // Its own connections: a backlog of the store's watch must not cost a lease.
  const electionEtcd = openEtcd({ endpoints, tls, clock, progressNotifyMs });
  const ttlSeconds = config.etcd.electionTtlSeconds ?? usualElectionTtlSeconds;
  const election = openElection({ etcd: electionEtcd, clock, nodeId, ttlSeconds, eligible, report });
  return {
    store,
    election,
    disk,
    renew: (next) => {
      store.renew(tlsOf(next));
      electionEtcd.renew(tlsOf(next));
    },
    close: async () => {
      store.close();
      electionEtcd.close();
      await disk.close();
    },
  };
}
