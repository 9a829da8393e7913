// Fault member: what is done to one member of etcd beyond its end: another leader, lost data, no space, a full disk.

import { readdir, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '#internal/exec/exec.ts';
import type { ClusterNode } from '#internal/testkit/cluster.ts';
import { etcdPeerPort } from '#internal/testkit/lab/etcd-member.ts';
import { doneWithinMs, endpointOf, etcdctl, etcdLeaderOf, membersOf, otherEndpoints, untilDone } from './etcdctl.ts';
import type { Heal, Victim } from './fault-begin.ts';

/** The target, unless it leads already: then whoever is next. */
export async function moveLeader(target: string, { cluster, clock }: Victim): Promise<void> {
  const move = async (): Promise<void> => {
    const leader = await etcdLeaderOf(cluster);
    const others = cluster.nodes.map(({ id }) => id).filter((id) => id !== leader);
    const next = others.includes(target) ? target : others[0];
    const member = (await membersOf(cluster)).find(({ name }) => name === next);
    if (member === undefined) throw new Error(`etcd has no member ${next}`);
    await etcdctl(cluster, ['move-leader', member.id], { endpoints: [endpointOf(cluster, leader)] });
  };
  await untilDone(move, doneWithinMs, clock);
}

/** Killed; `heal` takes it out and brings it back without anything that it knew, first as a learner. */
export async function wipeMember({ id, etcd, address }: ClusterNode, { cluster, clock }: Victim): Promise<Heal> {
  const endpoints = otherEndpoints(cluster, id);
  const members = await untilDone(() => membersOf(cluster, endpoints), doneWithinMs, clock);
  const known = members.find(({ name }) => name === id);
  if (known === undefined) throw new Error(`etcd has no member ${id}`);
  await etcd.kill();
  const operate = (args: readonly string[]): Promise<string> =>
    untilDone(() => etcdctl(cluster, args, { endpoints }), doneWithinMs, clock);
  return async () => {
    // Taken out only now, when it is certain that it is added again: without it the two others are a cluster of two.
    await operate(['member', 'remove', known.id]);
    const data = cluster.etcdDataOf(id);
    // The directory itself may be a disk of its own.
    for (const name of await readdir(data)) await rm(join(data, name), { recursive: true, force: true });
    await operate(['member', 'add', id, '--learner', `--peer-urls=https://[${address}]:${etcdPeerPort}`]);
    await etcd.start(['--initial-cluster-state=existing']);
    // Refused until it has caught up.
    const promote = async (): Promise<void> => {
      const learner = (await membersOf(cluster, endpoints)).find((member) => member.learner);
      if (learner !== undefined) await etcdctl(cluster, ['member', 'promote', learner.id], { endpoints });
    };
    await untilDone(promote, doneWithinMs, clock);
  };
}

/** etcd's own page; a quota below what the database has is passed by the first write. */
const pageBytes = 4_096;

export async function refuseSpace({ id, etcd }: ClusterNode, { cluster, clock }: Victim): Promise<Heal> {
  await etcd.kill();
  await etcd.start([`--quota-backend-bytes=${pageBytes}`]);
  return async () => {
    await etcd.kill();
    await etcd.start();
    // Until it is disarmed nothing is written again; by a member that knows of no quota.
    const endpoints = otherEndpoints(cluster, id);
    await untilDone(() => etcdctl(cluster, ['alarm', 'disarm'], { endpoints }), doneWithinMs, clock);
  };
}

/** `mount -o remount`: the size of a tmpfs may come down to what is in it (tmpfs(5)). */
const resize = (disk: string, bytes: number) => run({ file: 'mount', args: ['-o', `remount,size=${bytes}`, disk] });

export async function fillDisk({ id, etcd }: ClusterNode, { cluster, clock }: Victim): Promise<Heal> {
  const disk = cluster.etcdDataOf(id);
  if (cluster.etcdDiskBytes === undefined) throw new Error('the members have no disks of their own');
  // What it does now that nothing is written is its affair: etcd ends itself.
  etcd.mayEnd();
  const shrink = async (): Promise<void> => {
    const { bsize, blocks, bfree } = await statfs(disk);
    // Refused where etcd has written since.
    await resize(disk, bsize * (blocks - bfree));
  };
  await untilDone(shrink, doneWithinMs, clock);
  return async () => {
    await emptyDisk(id, cluster);
    // What is left of it may stand there without having noticed.
    await etcd.kill();
    await etcd.start();
  };
}

/** The disk of a member is as large as it was made. */
export async function emptyDisk(nodeId: string, { etcdDataOf, etcdDiskBytes }: Victim['cluster']): Promise<void> {
  if (etcdDiskBytes !== undefined) await resize(etcdDataOf(nodeId), etcdDiskBytes);
}
