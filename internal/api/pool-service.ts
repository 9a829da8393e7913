// Pool service: pools as people see them, and what of them is kept back from whom.

import { poolSpace } from '#internal/allocator/allocator.ts';
import {
  createPool,
  createReservation,
  delegatePool,
  deleteReservation,
  drainPool,
  findPool,
  quotasOf,
  resizePool,
  toPool,
  toReservation,
  updatePool,
} from '#internal/command/command.ts';
import type { Pool } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { PoolService } from '#internal/gen/pop44/v1/pools_pb.ts';
import type { Stored } from '#internal/model/record.ts';
import { checkingPools } from './check-pools.ts';
import { listed } from './pages.ts';
import type { HandlersOf, ServiceContext } from './service.ts';
import { changing, found, freshness } from './service.ts';
import { deletingPool, settingQuota } from './stepwise.ts';

export function poolHandlers(context: ServiceContext): HandlersOf<typeof PoolService> {
  const { head } = context;
  const { method } = PoolService;
  const shown = (stored: Stored<Pool>) =>
    toPool(head.snapshot(), stored, {
      space: poolSpace(head.snapshot(), head.freeIndex(), stored.record.id),
      leaderNodeId: context.lead?.leaderOf(stored.record.id) ?? '',
    });
  return {
    createPool: changing(context, method.createPool, createPool),
    updatePool: changing(context, method.updatePool, updatePool),
    resizePool: changing(context, method.resizePool, resizePool),
    deletePool: deletingPool(context),
    delegatePool: changing(context, method.delegatePool, delegatePool),
    drainPool: changing(context, method.drainPool, drainPool),
    createReservation: changing(context, method.createReservation, createReservation),
    deleteReservation: changing(context, method.deleteReservation, deleteReservation),
    setQuota: settingQuota(context),
    getPool: async (request, { signal }) => {
      const stored = await found(context, signal, (snapshot) => findPool(snapshot, request.pool));
      return { pool: shown(stored), freshness: freshness(context) };
    },
    listPools: async () => ({ pools: listed(head.snapshot().pools).map(shown), freshness: freshness(context) }),
    listReservations: async (request, { signal }) => {
      const { pool } = request;
      const of = pool === '' ? '' : (await found(context, signal, (snapshot) => findPool(snapshot, pool))).record.id;
      const all = listed(head.snapshot().reservations);
      const reservations = of === '' ? all : all.filter(({ record }) => record.poolId === of);
      return { reservations: reservations.map(toReservation), freshness: freshness(context) };
    },
    listQuotas: async () => ({ quotas: quotasOf(head.snapshot()), freshness: freshness(context) }),
    checkPools: checkingPools(context),
  };
}
