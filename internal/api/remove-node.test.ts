import { afterEach, expect, test } from 'vitest';
import type { Client } from '#internal/client/client.ts';
import { realClock } from '#internal/clock/clock.ts';
import { apiClient } from '#internal/testkit/api-client.ts';
import { type ApiDaemon, type ApiNetwork, apiNetwork } from '#internal/testkit/api-network.ts';
import { memoryStore } from '#internal/testkit/memory-store.ts';
import { createPops } from '#internal/testkit/requests.ts';
import type { Member, Members } from './api.ts';

let network: ApiNetwork | undefined;
afterEach(() => network?.[Symbol.asyncDispose]());

/** Of the first daemon's etcd, whose members are named like the nodes. */
async function raised(count: number, silent: readonly string[] = []) {
  let members: readonly Member[] = Array.from({ length: count }, (_, at) => ({
    ...{ id: String(17 + at), name: `p${at + 1}`, hosts: [`fd44:44::${at + 1}`], votes: true },
  }));
  let refuses = false;
  const etcd: Members = {
    list: async () => members,
    answers: async ({ name }) => !silent.includes(name),
    remove: async (member) => {
      if (refuses) throw new Error('unhealthy cluster');
      members = members.filter(({ id }) => id !== member.id);
    },
  };
  network = await apiNetwork(memoryStore().follower, ['p1'], undefined, { members: etcd });
  const [daemon] = network.daemons as [ApiDaemon];
  const client: Client = apiClient(network, daemon);
  await createPops(client.fabric, 3);
  const refuse = (): void => {
    refuses = true;
  };
  return { client, daemon, names: () => members.map(({ name }) => name), refuse };
}

test('a node goes with its etcd member, found by its name or its address; a dry run takes neither [S6]', async () => {
  const { client, names } = await raised(3);
  const dry = await client.fabric.removeNode({ node: 'p3', force: true, change: { dryRun: true } });
  expect([dry.etcdMember, names().length]).toEqual(['13', 3]);
  const change = { requestId: 'gone-1' };
  const answer = await client.fabric.removeNode({ node: 'p3', force: true, change });
  expect(answer).toMatchObject({ etcdMember: '13', etcdProblem: '', node: { id: 'p3' } });
  expect(names()).toEqual(['p1', 'p2']);
  const { nodes } = await client.fabric.listNodes({});
  expect(nodes.map(({ node }) => node?.id)).toEqual(['p1', 'p2']);
  expect(await client.fabric.removeNode({ node: 'p3', force: true, change })).toMatchObject({
    changed: { repeated: true },
  });
});

test('etcd keeps its majority, forced or not; a member that cannot go is told of, and the records are changed', async () => {
  const { client, names } = await raised(4, ['p2', 'p4']);
  await expect(client.fabric.removeNode({ node: 'p3', force: true })).rejects.toThrow(
    'node: "p3" holds an etcd member, and of the 3 others 1 answer, of 2 that are a majority',
  );
  expect(names()).toHaveLength(4);
  const other = await raised(3, ['p3']);
  other.refuse();
  expect(await other.client.fabric.removeNode({ node: 'p3', force: true })).toMatchObject({
    ...{ etcdMember: '13', etcdProblem: 'unhealthy cluster' },
  });
});

test('a node that runs is not removed, unless forced; the one that is asked never [N7]', async () => {
  const { client, daemon } = await raised(3);
  daemon.status.heard('p3', daemon.status.own(), realClock.wall());
  await expect(client.fabric.removeNode({ node: 'p3' })).rejects.toThrow(
    'node: "p3" is running (stop it and switch it off for good before, or --force)',
  );
  await expect(client.fabric.removeNode({ node: 'p1', force: true })).rejects.toThrow('is the one that was asked');
  await expect(client.fabric.removeNode({ node: 'p9' })).rejects.toThrow('"p9"');
});
