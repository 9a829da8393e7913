// Pool asks: requests that change what a pool may give.

import { firstHex, type Prefix } from '#internal/netip/netip.ts';
import type { Ask } from './ask.ts';
import type { Memory } from './memory.ts';

const nothing = { given: [], prefixes: [], id: '' } as const;
const nobody = { owner: '', takes: [], settled: () => {} } as const;

export interface Block {
  readonly pool: string;
  readonly length: number;
  readonly popId: string;
}

export function askDelegate(request: string, memory: Memory, { pool, length, popId }: Block): Ask {
  const change = { requestId: request };
  return {
    ...nobody,
    request,
    kind: 'delegate',
    asked: `/${length} of ${pool} to ${popId}`,
    send: async (client, options) => {
      const { changed, pool: made } = await client.pools.delegatePool({ change, pool, length, popId }, options);
      return { ...nothing, changed, given: [`pool/${made?.id}`], id: made?.id ?? '' };
    },
    settled: (answer) => {
      if (answer !== undefined) memory.delegated.push(answer.id);
    },
  };
}

export function askDeletePool(request: string, memory: Memory, id: string): Ask {
  return {
    ...nobody,
    request,
    kind: 'delete-pool',
    asked: id,
    takes: [`pool/${id}`],
    send: async (client, options) => {
      const { changed } = await client.pools.deletePool({ change: { requestId: request }, pool: id }, options);
      return { ...nothing, changed };
    },
    settled: (answer) => {
      if (answer === undefined) memory.delegated.push(id);
    },
  };
}

export function askFreeze(request: string, pool: string, frozen: boolean): Ask {
  const change = { requestId: request };
  return {
    ...nobody,
    request,
    kind: 'update-pool',
    asked: `${pool} ${frozen ? 'frozen' : 'open'}`,
    send: async (client, options) => {
      const { changed } = await client.pools.updatePool({ change, pool, frozen }, options);
      return { ...nothing, changed, given: [`pool/${pool}`] };
    },
  };
}

const reservationKey = (pool: string, prefix: Prefix): string =>
  `reservation/${pool}/${firstHex(prefix)}-${prefix.slice(prefix.indexOf('/') + 1)}`;

export function askReserve(request: string, pool: string, prefix: Prefix): Ask {
  const change = { requestId: request };
  return {
    ...nobody,
    request,
    kind: 'create-reservation',
    asked: `${prefix} of ${pool}`,
    send: async (client, options) => {
      const { changed } = await client.pools.createReservation({ change, pool, prefix }, options);
      return { ...nothing, changed, given: [reservationKey(pool, prefix)] };
    },
  };
}

export function askUnreserve(request: string, pool: string, prefix: Prefix): Ask {
  const change = { requestId: request };
  return {
    ...nobody,
    request,
    kind: 'delete-reservation',
    asked: `${prefix} of ${pool}`,
    takes: [reservationKey(pool, prefix)],
    send: async (client, options) => {
      const { changed } = await client.pools.deleteReservation({ change, pool, prefix }, options);
      return { ...nothing, changed };
    },
  };
}
