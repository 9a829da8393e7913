import { clone, create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { realClock } from '#internal/clock/clock.ts';
import { DrainSchema, NodeSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { fold } from '#internal/model/model.ts';
import { createStatus, silent } from '#internal/status/status.ts';
import { pairSnapshot } from '#internal/testkit/pair.ts';
import { createDraining } from './drain.ts';

/** p3's, whose sibling is p4. */
function world() {
  let snapshot = pairSnapshot();
  let nowMs = 0;
  const status = createStatus('p3');
  const orders: string[] = [];
  const state = { carries: false, problem: '', leading: [] as string[], standsFor: -1, etcd: '' };
  const draining = createDraining({
    ...{ nodeId: 'p3', snapshot: () => snapshot, status },
    pairing: {
      takeOver: async () => {
        orders.push(`at ${nowMs}`);
        return state.problem;
      },
      carries: () => state.carries,
    },
    election: {
      stand: (pools) => {
        state.standsFor = [...pools].length;
      },
      leading: () => state.leading,
    },
    etcdLead: {
      handOver: (avoided) => {
        if (state.etcd !== 'leads') state.etcd = `handed over, not to ${[...avoided].join()}`;
      },
      pending: () => state.etcd === 'leads',
      keep: () => {
        state.etcd = '';
      },
    },
    clock: { ...realClock, monotonicMs: () => nowMs },
    log: { info: () => undefined, warn: () => undefined },
  });
  const roles = (own: string, other: string): void => {
    status.update({ role: own });
    status.heard('p4', { ...silent, role: other }, new Date());
  };
  function drain(id: string, on: boolean, carried = false): void {
    const before = snapshot.nodes.get(id);
    const record = clone(NodeSchema, before?.record ?? create(NodeSchema));
    if (on) record.drain = create(DrainSchema, { carried });
    else delete record.drain;
    const folded = fold(snapshot, {
      revision: snapshot.revision + 1n,
      relisted: false,
      events: [{ kind: 'node', id, stored: { record, revision: snapshot.revision + 1n } }],
    });
    snapshot = folded.snapshot;
    draining.changed(folded.changes);
  }
  const beat = async (ms = 500): Promise<void> => {
    nowMs += ms;
    draining.beat();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { status, orders, state, roles, drain, beat };
}

test('who stands by orders itself when its sibling, which leads, is drained; one that is drained too does not [N8]', async () => {
  const { orders, roles, drain, beat } = world();
  roles('standby', 'active');
  await beat();
  expect(orders).toEqual([]);
  drain('p4', true);
  await beat();
  expect(orders.length).toBeGreaterThan(0);
  roles('active', 'standby');
  const then = orders.length;
  await beat();
  expect(orders).toHaveLength(then);
  const both = world();
  both.roles('standby', 'active');
  both.drain('p3', true);
  both.drain('p4', true);
  await both.beat();
  expect(both.orders).toEqual([]);
});

test('what a drained node still carries is told from the change on, and then nothing [N8]', async () => {
  const { status, state, roles, drain, beat } = world();
  roles('active', 'standby');
  Object.assign(state, { carries: true, leading: ['a', 'b'] });
  drain('p3', true, true);
  expect(status.own().drainPending).toBe('carries its PoP, leads 2 pools');
  expect(state.standsFor).toBe(0);
  Object.assign(state, { leading: [] });
  // It lets go of its sessions later than of its role.
  roles('standby', 'active');
  await beat();
  expect(status.own().drainPending).toBe('carries its PoP');
  state.carries = false;
  await beat();
  expect(status.own().drainPending).toBe('');
});

test('who carried the PoP takes it back when it is in use again; who did not, or cannot for a minute, does not [N8]', async () => {
  const { status, orders, roles, drain, beat } = world();
  roles('standby', 'active');
  drain('p3', true, true);
  await beat();
  expect(orders).toEqual([]);
  drain('p3', false);
  expect(status.own().drainPending).toBe('takes its PoP back');
  expect(orders).toHaveLength(1);
  roles('active', 'standby');
  await beat();
  expect(status.own().drainPending).toBe('');
  const other = world();
  other.roles('standby', 'active');
  other.drain('p3', true, false);
  other.drain('p3', false);
  await other.beat();
  expect(other.orders).toEqual([]);
  const unable = world();
  unable.state.problem = 'its way out is down';
  unable.roles('standby', 'active');
  unable.drain('p3', true, true);
  unable.drain('p3', false);
  await unable.beat(61_000);
  const then = unable.orders.length;
  await unable.beat();
  expect(unable.orders).toHaveLength(then);
  expect(unable.status.own().drainPending).toBe('');
});

test('a drained node hands the lead of etcd on, to none that is drained too, and says so while it cannot [N8]', async () => {
  const { status, state, roles, drain, beat } = world();
  roles('standby', 'active');
  await beat();
  expect(state.etcd).toBe('');
  drain('p4', true);
  drain('p3', true);
  expect(state.etcd).toBe('handed over, not to fd44:44::3,fd44:44::4');
  state.etcd = 'leads';
  await beat();
  expect(status.own().drainPending).toBe('leads etcd');
  drain('p3', false);
  expect(state.etcd).toBe('');
  expect(status.own().drainPending).toBe('');
});
