// Allocation service: what owners hold, with or without a tunnel.

import { allocate, findPool, ledForAllocate, ledForRelease, release, toAllocation } from '#internal/command/command.ts';
import { AllocationService } from '#internal/gen/pop44/v1/allocations_pb.ts';
import { allocateMany } from './allocate-many.ts';
import { page } from './pages.ts';
import type { HandlersOf, ServiceContext } from './service.ts';
import { changing, found, freshness, granted } from './service.ts';

/** @param report hears of exceptions that no caller may see */
export function allocationHandlers(
  context: ServiceContext,
  report: (thrown: unknown, method: string) => void,
): HandlersOf<typeof AllocationService> {
  const { head } = context;
  const { method } = AllocationService;
  const one = changing(context, method.allocate, allocate, { led: ledForAllocate });
  return {
    allocate: one,
    release: changing(context, method.release, release, { led: ledForRelease }),
    listAllocations: async (request, { signal }) => {
      const { owner, pool, withQuarantined } = request;
      const only = pool === '' ? undefined : await found(context, signal, (snapshot) => findPool(snapshot, pool));
      const snapshot = head.snapshot();
      const wanted = page(
        snapshot.allocations,
        request,
        ({ record }) =>
          (owner === '' || record.owner === owner) &&
          (only === undefined || record.poolId === only.record.id) &&
          (withQuarantined || record.quarantinedUntil === undefined),
      );
      const { items, nextPageToken } = granted(wanted);
      return {
        allocations: items.map((stored) => toAllocation(snapshot, stored)),
        nextPageToken,
        freshness: freshness(context),
      };
    },
    allocateMany: allocateMany(one, (thrown) => report(thrown, method.allocateMany.name)),
  };
}
