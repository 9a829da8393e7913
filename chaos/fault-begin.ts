// Fault begin: how each kind of fault is done to a cluster, and undone.

import { fromBinary } from '@bufbuild/protobuf';
import type { Clock } from '#internal/clock/clock.ts';
import { openEtcd } from '#internal/etcd/etcd.ts';
import { CandidateSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { Cluster, ClusterProcess } from '#internal/testkit/cluster.ts';
import { doneWithinMs, etcdctl, untilDone } from './etcdctl.ts';
import { everyPath, type FaultKind } from './fault.ts';
import { changeRate, jumpClock, jumpSeconds, setRight } from './fault-clock.ts';
import { emptyDisk, fillDisk, moveLeader, refuseSpace, wipeMember } from './fault-member.ts';
import { makeNoise } from './fault-noise.ts';
import { type Cut, cutRules, tableOf } from './fault-partition.ts';
import { poisonStore } from './fault-store.ts';
import { detoxicate, intoxicate, isToxic, type ToxicFault } from './fault-toxic.ts';

export type Heal = () => Promise<void>;

/** What faults are done to. */
export interface Victim {
  readonly cluster: Cluster;
  readonly clock: Clock;
  /** History may be cut off up to here: whoever records has it. Default: none may. */
  readonly recorded?: () => bigint;
}

/** Does it to a node; what it gives undoes it. @throws when it cannot be done, and then nothing is to be undone */
export async function beginFault(kind: FaultKind, target: string, victim: Victim): Promise<Heal> {
  const { cluster, clock } = victim;
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
    case 'etcd-leader-move':
      await moveLeader(target, victim);
      return async () => {};
    case 'etcd-freeze':
      return frozen(node.etcd);
    case 'etcd-wipe':
      return wipeMember(node, victim);
    case 'etcd-no-space':
      return refuseSpace(node, victim);
    case 'etcd-full-disk':
      return fillDisk(node, victim);
    case 'lease-revoked':
      // One that has just lost its lease has another soon.
      await untilDone(() => revokeSession(target, cluster, clock), doneWithinMs, clock);
      return async () => {};
    case 'compaction':
      return compacted(target, victim);
    case 'cut-all':
    case 'cut-in':
    case 'cut-out':
    case 'cut-client':
    case 'cut-peer':
    case 'cut-mesh':
    case 'cut-bridge':
    case 'packet-loss':
      return cutOff(kind, target, cluster);
    case 'poison':
      return poisonStore(cluster, clock);
    case 'garbage':
      return makeNoise(target, cluster, clock);
    case 'clock-ahead':
      return jumpClock(target, jumpSeconds, cluster);
    case 'clock-behind':
      return jumpClock(target, -jumpSeconds, cluster);
    case 'clock-fast':
      return changeRate(target, 2, cluster);
    case 'clock-slow':
      return changeRate(target, 0.5, cluster);
  }
}

/** Undoes everything that can have been done, whatever it was; done when every daemon answers. */
export async function healAll(cluster: Cluster, withinMs: number): Promise<void> {
  for (const node of cluster.nodes) {
    await cluster.exec(node.id, ['nft', 'flush', 'ruleset']);
    await setRight(node.id, cluster);
    await emptyDisk(node.id, cluster);
    for (const process of [node.etcd, node.daemon]) {
      process.resume();
      await process.start();
    }
    await detoxicate(node);
  }
  await cluster.answering(withinMs);
}

/** The daemon has missed history that is not to be had any more when it asks for it again. */
async function compacted(target: string, { cluster, clock, recorded }: Victim): Promise<Heal> {
  if (recorded === undefined) throw new Error('nobody has recorded what would be cut off');
  const mend = await cutOff('cut-client', target, cluster);
  return async () => {
    try {
      const upTo = String(recorded());
      await untilDone(() => etcdctl(cluster, ['compact', upTo]).then(() => true, compactedBefore), doneWithinMs, clock);
    } finally {
      await mend();
    }
  };
}

/** Another fault of the kind was there first. */
function compactedBefore(thrown: unknown): true {
  if (String(thrown).includes('has been compacted')) return true;
  throw thrown;
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

async function cutOff(cut: Cut, bridgeOrTarget: string, cluster: Cluster): Promise<Heal> {
  const rest = cluster.nodes.filter(({ id }) => id !== bridgeOrTarget);
  const target = cut === 'cut-bridge' ? (rest[0]?.id ?? bridgeOrTarget) : bridgeOrTarget;
  const others = rest.filter(({ id }) => id !== target).map(({ address }) => address);
  const { daemonsEtcdPort, daemonsApiPort } = cluster;
  await cluster.exec(target, ['nft', '-f', '-'], { input: cutRules(cut, { others, daemonsEtcdPort, daemonsApiPort }) });
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
