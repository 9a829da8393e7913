// Pool service: pools as people see them, and what of them is kept back from whom.

import {
  createPool,
  createReservation,
  delegatePool,
  deletePool,
  deleteReservation,
  drainPool,
  findPool,
  resizePool,
  setQuota,
  toPool,
  updatePool,
} from '#internal/command/command.ts';
import { refuse } from '#internal/errors/errors.ts';
import { PoolService } from '#internal/gen/pop44/v1/pools_pb.ts';
import { Refused } from '#internal/rpc/rpc.ts';
import { listed } from './pages.ts';
import type { HandlersOf, ServiceContext } from './service.ts';
import { changing, found, freshness } from './service.ts';

export function poolHandlers(context: ServiceContext): HandlersOf<typeof PoolService> {
  const { head } = context;
  const { method } = PoolService;
  return {
    createPool: changing(context, method.createPool, createPool),
    updatePool: changing(context, method.updatePool, updatePool),
    resizePool: changing(context, method.resizePool, resizePool),
    deletePool: changing(context, method.deletePool, deletePool),
    delegatePool: changing(context, method.delegatePool, delegatePool),
    drainPool: changing(context, method.drainPool, drainPool),
    createReservation: changing(context, method.createReservation, createReservation),
    deleteReservation: changing(context, method.deleteReservation, deleteReservation),
    setQuota: changing(context, method.setQuota, setQuota),
    getPool: async (request, { signal }) => {
      const stored = await found(context, signal, (snapshot) => findPool(snapshot, request.pool));
      return { pool: toPool(head.snapshot(), stored), freshness: freshness(context) };
    },
    listPools: async () => {
      const snapshot = head.snapshot();
      return {
        pools: listed(snapshot.pools).map((stored) => toPool(snapshot, stored)),
        freshness: freshness(context),
      };
    },
    listReservations: async () => ({ reservations: [], freshness: freshness(context) }),
    listQuotas: async () => ({ quotas: [], freshness: freshness(context) }),
    checkPools: async () => {
      throw new Refused(refuse('not-ready', { problem: 'is not served yet', cure: 'wait' }));
    },
  };
}
