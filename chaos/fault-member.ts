// Fault member: what is done to one member of etcd beyond its end: another leader, lost data, no space, a full disk.

import { readdir, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '#internal/exec/exec.ts';
import type { Cluster, ClusterNode } from '#internal/testkit/cluster.ts';
import { etcdPeerPort } from '#internal/testkit/lab/etcd-member.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { endpointOf, etcdctl, etcdLeaderOf, membersOf, otherEndpoints, statusesOf } from './etcdctl.ts';
import type { Heal } from './fault-begin.ts';

const promotedWithinMs = 20_000;

const leadsNow = (cluster: Cluster): Promise<string> => eventually(() => etcdLeaderOf(cluster), promotedWithinMs);

/** The target, unless it leads already: then whoever is next. */
export async function moveLeader(target: string, cluster: Cluster): Promise<void> {
  const leader = await leadsNow(cluster);
  const others = cluster.nodes.map(({ id }) => id).filter((id) => id !== leader);
  const next = others.includes(target) ? target : others[0];
  const member = (await membersOf(cluster)).find(({ name }) => name === next);
  if (member === undefined) throw new Error(`etcd has no member ${next}`);
  await etcdctl(cluster, ['move-leader', member.id], { endpoints: [endpointOf(cluster, leader)] });
}

/** Killed and taken out; `heal` brings it back without anything that it knew, first as a learner. */
export async function wipeMember({ id, etcd, address }: ClusterNode, cluster: Cluster): Promise<Heal> {
  const endpoints = otherEndpoints(cluster, id);
  const known = (await membersOf(cluster, endpoints)).find(({ name }) => name === id);
  if (known === undefined) throw new Error(`etcd has no member ${id}`);
  await etcd.kill();
  return async () => {
    // Taken out only now, when it is certain that it is added again: without it the two others are a cluster of two.
    await eventually(
      () => etcdctl(cluster, ['member', 'remove', known.id], { endpoints }).then(() => true),
      promotedWithinMs,
    );
    const data = cluster.etcdDataOf(id);
    // The directory itself may be a disk of its own.
    for (const name of await readdir(data)) await rm(join(data, name), { recursive: true, force: true });
    const peerUrl = `https://[${address}]:${etcdPeerPort}`;
    const add = ['member', 'add', id, '--learner', `--peer-urls=${peerUrl}`];
    await eventually(() => etcdctl(cluster, add, { endpoints }).then(() => true), promotedWithinMs);
    await etcd.start(['--initial-cluster-state=existing']);
    // Refused until it has caught up.
    await eventually(async () => {
      const learner = (await membersOf(cluster, endpoints)).find((member) => member.learner);
      if (learner !== undefined) await etcdctl(cluster, ['member', 'promote', learner.id], { endpoints });
      return true;
    }, promotedWithinMs);
  };
}

/** etcd's own page; a quota below what the database has is passed by the first write. */
const pageBytes = 4_096;

export async function refuseSpace({ id, etcd }: ClusterNode, cluster: Cluster): Promise<Heal> {
  await etcd.kill();
  await etcd.start([`--quota-backend-bytes=${pageBytes}`]);
  return async () => {
    await etcd.kill();
    await etcd.start();
    // Once it is disarmed everything is written again; by a member that knows of no quota.
    await eventually(
      () => etcdctl(cluster, ['alarm', 'disarm'], { endpoints: otherEndpoints(cluster, id) }).then(() => true),
      promotedWithinMs,
    );
  };
}

/** Whether etcd stands under an alarm, in its own words. */
export const alarmsOf = async (cluster: Cluster): Promise<string> => (await etcdctl(cluster, ['alarm', 'list'])).trim();

export const databaseBytes = async (cluster: Cluster): Promise<number> =>
  Math.max(0, ...(await statusesOf(cluster)).map(({ Status }) => Status.dbSize));

/** `mount -o remount`: the size of a tmpfs may come down to what is in it (tmpfs(5)). */
const resize = (disk: string, bytes: number) => run({ file: 'mount', args: ['-o', `remount,size=${bytes}`, disk] });

export async function fillDisk({ id, etcd }: ClusterNode, cluster: Cluster): Promise<Heal> {
  const disk = cluster.etcdDataOf(id);
  const { bsize, blocks, bfree } = await statfs(disk);
  if (cluster.etcdDiskBytes === undefined) throw new Error('the members have no disks of their own');
  // What it does now that nothing is written is its affair: etcd ends itself.
  etcd.mayEnd();
  await resize(disk, bsize * (blocks - bfree));
  return async () => {
    await resize(disk, cluster.etcdDiskBytes ?? 0);
    // What is left of it may stand there without having noticed.
    await etcd.kill();
    await etcd.start();
  };
}
