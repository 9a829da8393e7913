// Parts: the traffic of a scenario, all parts of it beside each other, and somebody who looks at what daemons show.

import type { Clock } from '#internal/clock/clock.ts';
import type { Cluster } from '#internal/testkit/cluster.ts';
import { etcdEndpoint } from '#internal/testkit/lab/node-files.ts';
import { labNode } from '#internal/testkit/lab/topology.ts';
import { randomFrom } from '#internal/testkit/random.ts';
import { peersDigest } from './check/peers.ts';
import { keepFollowing } from './following.ts';
import { type Half, openHalf } from './halves.ts';
import type { HistoryRecorder, Look } from './history.ts';
import { keepLooking, lookEverywhere, type LookingOptions } from './looking.ts';
import { openMoves } from './moves.ts';
import type { Part } from './part.ts';
import { openPeopleTraffic } from './people-traffic.ts';
import { openReaders } from './readers.ts';
import type { Scenario } from './scenario.ts';
import type { SecretKeeper } from './secrets.ts';
import { openTraffic, type Traffic, type TrafficOptions } from './traffic.ts';
import { openTunnelTraffic, tunnelOwners, type TunnelTrafficOptions } from './tunnel-traffic.ts';

export interface PartsOptions {
  readonly cluster: Cluster;
  readonly scenario: Scenario;
  readonly clock: Clock;
  readonly history: HistoryRecorder;
  readonly seed: number;
  readonly keep: SecretKeeper;
  /** What a mutant wants otherwise. */
  readonly allocating?: Omit<TrafficOptions, 'daemons' | 'pops' | 'clock' | 'history' | 'seed'> | undefined;
  readonly tunnelling?: Pick<TunnelTrafficOptions, 'perSecond' | 'mostTunnels'> | undefined;
}

export interface Parts {
  run(signal: AbortSignal): Promise<void>;
  /** Records how far daemons say that they are, until the signal. */
  follow(signal: AbortSignal): Promise<void>;
  finish(withinMs: number): Promise<void>;
  /** The daemon to freeze, where the traffic knows better than the plan. */
  leader(): string | undefined;
  close(): Promise<void>;
}

const lookEveryMs = 300;
/** Of each allocator, where it is not alone: all of it shares one machine. */
const perSecondBeside = 14;
const progressNotifyMs = 500;

export async function openParts(options: PartsOptions): Promise<Parts> {
  const { cluster, scenario, clock, history, seed, keep, allocating, tunnelling } = options;
  const has = (name: Scenario['traffic'][number]): boolean => scenario.traffic.includes(name);
  const nodes = cluster.nodes.map(({ id }) => id);
  const daemons = new Map(nodes.map((node) => [node, cluster.client({ node })]));
  const highest = (): bigint =>
    history.attempts.reduce((most, { revision }) => (revision > most ? revision : most), 0n);
  const parts: Part[] = [];
  let traffic: Traffic | undefined;
  const halves = new Map<string, Half>();
  if (has('allocate')) {
    const beside = scenario.traffic.length > 1 ? { perSecond: perSecondBeside } : {};
    traffic = openTraffic({ daemons, pops: nodes, clock, history, seed, ...beside, ...allocating });
    parts.push(traffic);
  }
  if (has('tunnels')) parts.push(openTunnelTraffic({ daemons, clock, history, seed, ...tunnelling }));
  if (has('people')) parts.push(openPeopleTraffic({ daemons, clock, history, seed, keep }));
  if (has('watch')) {
    const own = (at: number): string => etcdEndpoint(labNode(at + 1), cluster.daemonsEtcdPort);
    const readers = new Map(nodes.map((id, at) => [`reader-${id}`, nodes.map((_, n) => own((at + n) % nodes.length))]));
    const { tls } = cluster.etcd;
    parts.push(openReaders({ readers, tls, clock, progressNotifyMs, history, until: async () => highest() }));
  }
  if (has('moves')) {
    for (const node of nodes)
      halves.set(
        node,
        await openHalf(node, (revision, peers) => {
          const atNs = Math.round(clock.monotonicMs() * 1e6);
          history.told.push({ node, revision, atNs, peers: peers.size, digest: peersDigest(peers) });
        }),
      );
    parts.push(await openMoves({ daemons, halves, clock, history, seed }));
  }
  const subjects: Pick<Look, 'kind' | 'owner'>[] = [
    ...(traffic?.owners ?? []).map((owner) => ({ kind: 'allocation', owner }) as const),
    ...(has('tunnels') ? tunnelOwners : []).map((owner) => ({ kind: 'tunnel', owner }) as const),
  ];
  const looked = new Map(
    cluster.nodes.map(({ id, daemon }) => [id, { client: cluster.client({ node: id }), pid: () => daemon.pid() }]),
  );
  const looking: LookingOptions = { daemons: looked, subjects, history, clock };
  return {
    leader: () => traffic?.leader(),
    follow: (signal) => keepFollowing(looked, { history, clock, signal }),
    run: async (signal) => {
      const random = randomFrom(seed * 1_000 + 98);
      await Promise.all([
        ...parts.map((part) => part.run(signal)),
        keepLooking(looking, { random, signal, everyMs: lookEveryMs }),
      ]);
    },
    finish: async (withinMs) => {
      await Promise.all(parts.map((part) => part.finish(withinMs)));
      await lookEverywhere(looking, { revision: highest(), withinMs });
    },
    close: async () => {
      for (const part of parts) part.close();
      await Promise.all([...halves.values()].map((half) => half.close()));
    },
  };
}
