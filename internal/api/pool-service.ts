// Pool service: pools as people see them.

import { createPool, deletePool, findPool, toPool } from '#internal/command/command.ts';
import { PoolService } from '#internal/gen/pop44/v1/pools_pb.ts';
import { listed } from './pages.ts';
import type { HandlersOf, ServiceContext } from './service.ts';
import { changing, found, freshness } from './service.ts';

export function poolHandlers(context: ServiceContext): HandlersOf<typeof PoolService> {
  const { head } = context;
  const { method } = PoolService;
  return {
    createPool: changing(context, method.createPool, createPool),
    deletePool: changing(context, method.deletePool, deletePool),
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
  };
}
