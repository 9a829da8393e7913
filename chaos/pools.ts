// Pools: what the traffic allocates from. Large enough for hours, but for the one in which clients shall meet.

import type { Client } from '#internal/client/client.ts';
import { poolId } from '#internal/model/model.ts';
import type { Prefix } from '#internal/netip/netip.ts';

interface TrafficPool {
  readonly prefix: string;
  /** Absent: the default, a day. */
  readonly quarantineSeconds?: number;
}

/** Released space of the first is swept and given again while a run lasts; that of `still` never; `meeting` has none. */
export const trafficPools = {
  wide: { prefix: '44.32.0.0/14', quarantineSeconds: 5 },
  still: { prefix: '44.36.0.0/16' },
  meeting: { prefix: '44.37.0.0/22', quarantineSeconds: 0 },
  wide6: { prefix: '2001:db8:4000::/40', quarantineSeconds: 5 },
} as const satisfies Readonly<Record<string, TrafficPool>>;

export type PoolName = keyof typeof trafficPools;

export const idOf = (name: PoolName): string => poolId(trafficPools[name].prefix as Prefix);

const roots: ReadonlySet<string> = new Set((Object.keys(trafficPools) as PoolName[]).map(idOf));
/** None that was delegated. */
export const isRoot = (id: string): boolean => roots.has(id);

export async function createTrafficPools(client: Client): Promise<void> {
  for (const pool of Object.values<TrafficPool>(trafficPools)) await client.pools.createPool(pool);
}
