import { expect, test } from 'vitest';
import { realClock } from '#internal/clock/clock.ts';
import { openEtcd } from '#internal/etcd/etcd.ts';
import { startEtcd } from '#internal/testkit/etcd.ts';
import { leaderKey } from './keys.ts';
import { createSeat } from './seat.ts';
import { createView } from './view.ts';

const pool = '4-2c1f0000-22';

test('a seat is taken once, cleared only as it was seen, and what etcd answered is known before the watch tells', async () => {
  await using server = await startEtcd();
  const etcd = openEtcd({ endpoints: server.endpoints, clock: realClock });
  try {
    const by = async (nodeId: string) => {
      const view = createView(realClock);
      const learned: string[] = [];
      const seat = createSeat({ etcd, nodeId, view, learned: (poolId) => learned.push(poolId) });
      return { view, seat, learned, leaseId: await etcd.grantLease(60) };
    };
    const [one, two] = [await by('p1'), await by('p2')];
    await one.seat.take(pool, one.leaseId);
    const { entry } = await etcd.get(leaderKey(pool));
    const first = { nodeId: 'p1', leaseId: one.leaseId, createRevision: entry?.modRevision ?? 0n };
    expect(one.view.holder(pool)).toEqual(first);
    await two.seat.take(pool, two.leaseId);
    expect(two.view.holder(pool)).toEqual(first);

    // As after an attempt whose answer was lost.
    const again = await by('p1');
    await again.seat.take(pool, one.leaseId);
    expect(again.view.holder(pool)).toEqual(first);

    await one.seat.clear(pool, first);
    expect(one.view.holder(pool)).toBeUndefined();
    await two.seat.clear(pool, first);
    expect(two.view.holder(pool)).toBeUndefined();
    await two.seat.take(pool, two.leaseId);
    const second = two.view.holder(pool);
    expect(second).toMatchObject({ nodeId: 'p2', leaseId: two.leaseId });
    await one.seat.clear(pool, first);
    expect(one.view.holder(pool), 'another key of that name').toEqual(second);
    expect(one.learned).toEqual([pool, pool, pool]);

    await etcd.revokeLease(one.leaseId);
    await expect(one.seat.take('other', one.leaseId)).rejects.toMatchObject({ code: 'no-lease' });
  } finally {
    etcd.close();
  }
});
