import { expect, test } from 'vitest';
import type { Member } from '#internal/api/api.ts';
import { realClock } from '#internal/clock/clock.ts';
import { createEtcdLead } from './etcd-lead.ts';

const member = (name: string, address: string, votes = true): Member => ({ id: name, name, hosts: [address], votes });
const cluster = [member('a', '::1'), member('b', '::2'), member('c', '::3'), member('learner', '::4', false)];

/** Of the node at `address`; `leader` leads, and nobody hands over to who is `away`. */
function world(address: string, leader: string, away: readonly string[] = []) {
  const state = { leader, nowMs: 0, asked: 0 };
  const lead = createEtcdLead({
    address,
    members: {
      list: async () => {
        state.asked += 1;
        return cluster;
      },
      leads: async ({ id }) => state.leader === id,
      moveLead: async (from, to) => {
        expect(from.id).toBe(state.leader);
        if (away.includes(to.id)) throw new Error('etcdserver: request timed out, leader transfer took too long');
        state.leader = to.id;
      },
    },
    clock: { ...realClock, monotonicMs: () => state.nowMs },
    log: { info: () => undefined, warn: () => undefined },
  });
  const handOver = async (...avoided: readonly string[]): Promise<void> => {
    lead.handOver(new Set(avoided));
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { state, lead, handOver };
}

interface Case {
  readonly address: string;
  readonly leader: string;
  readonly avoided?: readonly string[];
  readonly away?: readonly string[];
  readonly expected: readonly [leader: string, pending: boolean];
}

test.each<readonly [string, Case]>([
  ['to one that votes', { address: '::1', leader: 'a', expected: ['b', false] }],
  ['past a drained one', { address: '::1', leader: 'a', avoided: ['::1', '::2'], expected: ['c', false] }],
  ['past one that is away', { address: '::1', leader: 'a', away: ['b'], expected: ['c', false] }],
  [
    'nowhere, where all others are drained',
    { address: '::1', leader: 'a', avoided: ['::2', '::3'], expected: ['a', false] },
  ],
  ['nowhere, where nobody answers', { address: '::1', leader: 'a', away: ['b', 'c'], expected: ['a', true] }],
  ['nowhere, where another one leads', { address: '::2', leader: 'a', expected: ['a', false] }],
  ['nowhere, where this node has no member', { address: '::9', leader: 'a', expected: ['a', false] }],
])('the lead of etcd goes %s [N8]', async (_, { address, leader, avoided = [], away = [], expected }) => {
  const { state, lead, handOver } = world(address, leader, away);
  await handOver(...avoided);
  expect([state.leader, lead.pending()]).toEqual(expected);
});

test('a lead that comes back is handed over again, and etcd is not asked all the time [N8]', async () => {
  const { state, lead, handOver } = world('::1', 'a');
  lead.handOver(new Set());
  expect(lead.pending()).toBe(true);
  await handOver();
  expect(lead.pending()).toBe(false);
  state.leader = 'a';
  state.nowMs += 4_999;
  await handOver();
  expect([state.leader, state.asked]).toEqual(['a', 1]);
  state.nowMs += 1;
  await handOver();
  expect([state.leader, state.asked]).toEqual(['b', 2]);
  lead.keep();
  await handOver();
  expect(state.asked).toBe(3);
});
