// Fault begin: how each kind of fault is done to a cluster, and undone.

import { fromBinary } from '@bufbuild/protobuf';
import type { Clock } from '#internal/clock/clock.ts';
import { openEtcd } from '#internal/etcd/etcd.ts';
import { run } from '#internal/exec/exec.ts';
import { CandidateSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { Cluster, ClusterProcess } from '#internal/testkit/cluster.ts';
import { everyPath, type FaultKind } from './fault.ts';
import { type Cut, cutRules, tableOf } from './fault-partition.ts';
import { detoxicate, intoxicate, isToxic, type ToxicFault } from './fault-toxic.ts';

export type Heal = () => Promise<void>;

/** Does it to a node; what it gives undoes it. @throws when it cannot be done, and then nothing is to be undone */
export async function beginFault(kind: FaultKind, target: string, cluster: Cluster, clock: Clock): Promise<Heal> {
  if (isToxic(kind)) return toxic(kind, target, cluster);
  const node = cluster.node(target);
  switch (kind) {
    case 'daemon-kill':
      return killed(node.daemon);
    case 'daemon-stop':
      await node.daemon.stop();
      return () => node.daemon.start();
    case 'daemon-freeze':
      return frozen(node.daemon);
    case 'etcd-kill':
    case 'etcd-leader-kill':
      return killed(node.etcd);
    case 'etcd-freeze':
      return frozen(node.etcd);
    case 'lease-revoked':
      await revokeSession(target, cluster, clock);
      return async () => {};
    case 'cut-all':
    case 'cut-in':
    case 'cut-out':
    case 'cut-client':
    case 'cut-peer':
    case 'cut-mesh':
      return cutOff(kind, target, cluster);
  }
}

/** Undoes everything that can have been done, whatever it was; done when every daemon answers. */
export async function healAll(cluster: Cluster, withinMs: number): Promise<void> {
  for (const node of cluster.nodes) {
    await cluster.exec(node.id, ['nft', 'flush', 'ruleset']);
    for (const process of [node.etcd, node.daemon]) {
      process.resume();
      await process.start();
    }
    await detoxicate(node);
  }
  await cluster.answering(withinMs);
}

async function killed(process: ClusterProcess): Promise<Heal> {
  await process.kill();
  return () => process.start();
}

async function frozen(process: ClusterProcess): Promise<Heal> {
  process.pause();
  return async () => process.resume();
}

async function toxic(kind: ToxicFault, target: string, cluster: Cluster): Promise<Heal> {
  const nodes = target === everyPath ? cluster.nodes : [cluster.node(target)];
  const heals = await Promise.all(nodes.map((node) => intoxicate(kind, node)));
  return async () => {
    await Promise.all(heals.map((heal) => heal()));
  };
}

async function cutOff(cut: Cut, target: string, cluster: Cluster): Promise<Heal> {
  const others = cluster.nodes.filter(({ id }) => id !== target).map(({ address }) => address);
  const { daemonsEtcdPort } = cluster;
  await cluster.exec(target, ['nft', '-f', '-'], { input: cutRules(cut, { others, daemonsEtcdPort }) });
  return async () => {
    await cluster.exec(target, ['nft', 'delete', 'table', 'inet', tableOf(cut)]);
  };
}

/** Spelled out here a second time: what is revoked must be found without the code that is on trial. */
const sessionPrefix = '/pop44/election/v1/session/';

async function revokeSession(target: string, cluster: Cluster, clock: Clock): Promise<void> {
  const etcd = openEtcd({ ...cluster.etcd, clock });
  try {
    const { entries } = await etcd.list(sessionPrefix);
    const leases = entries
      .filter(({ value }) => fromBinary(CandidateSchema, value).nodeId === target)
      .flatMap(({ leaseId }) => leaseId ?? []);
    if (leases.length === 0) throw new Error(`${target} has no session whose lease could be revoked`);
    for (const lease of leases) await etcd.revokeLease(lease);
  } finally {
    etcd.close();
  }
}

/** The node whose member leads etcd, as its members say. */
export async function etcdLeaderOf(cluster: Cluster): Promise<string> {
  const { ca, certificate, key } = cluster.context;
  const { stdout } = await run({
    file: 'etcdctl',
    args: [
      // One that is away would else be waited for: 5 s.
      ...['--dial-timeout=1s', '--command-timeout=1s'],
      ...[`--cacert=${ca}`, `--cert=${certificate}`, `--key=${key}`, '--write-out=json'],
      ...[`--endpoints=${cluster.etcd.endpoints.join(',')}`, 'endpoint', 'status'],
    ],
    env: { ETCDCTL_API: '3' },
    // 1: one of them does not answer.
    accept: [0, 1],
  });
  const members = JSON.parse(stdout) as readonly EndpointStatus[];
  const leading = members.find(({ Status }) => Status.leader === Status.header.member_id);
  const at = cluster.etcd.endpoints.indexOf(leading?.Endpoint ?? '');
  const node = cluster.nodes[at];
  if (node === undefined) throw new Error('no member of etcd leads');
  return node.id;
}

/** etcdctl's own words; the numbers are rounded, both alike. */
interface EndpointStatus {
  readonly Endpoint: string;
  readonly Status: { readonly header: { readonly member_id: number }; readonly leader: number };
}
