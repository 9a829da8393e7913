// Pool show: all pools at a glance, or one with its space and what is reserved in it.

import type { Command } from 'commander';
import type { Pool, UnitSpace } from '#internal/gen/pop44/v1/pools_pb.ts';
import { durationText } from './duration.ts';
import { type Column, percent } from './layout.ts';
import { reservationColumns } from './pool-reserve.ts';
import type { Session } from './session.ts';
import { watchVerb } from './watch.ts';

export const poolRef = ['<pool>', 'id or prefix'] as const;

/** @param nameOf what people call the pool of an id. */
function stateOf(pool: Pool, nameOf: (id: string) => string): string {
  const { parentPoolId, homePopId, drainToPoolId, frozen } = pool;
  const states = [
    ...(parentPoolId === '' ? [] : [`delegation of ${nameOf(parentPoolId)} to ${homePopId}`]),
    // One that is drained is frozen too.
    ...(drainToPoolId === '' ? (frozen ? ['frozen'] : []) : [`draining to ${nameOf(drainToPoolId)}`]),
  ];
  return states.join(', ') || 'open';
}

function listColumns(pools: readonly Pool[]): readonly Column<Pool>[] {
  const prefixes = new Map(pools.map(({ id, prefix }) => [id, prefix]));
  const nameOf = (id: string): string => prefixes.get(id) ?? id;
  return [
    ['prefix', (pool) => pool.prefix],
    ['realm', (pool) => pool.realmId],
    ['leader', (pool) => pool.leaderNodeId || 'none'],
    ['allocated', (pool) => String(pool.allocations)],
    ['quarantined', (pool) => String(pool.quarantined)],
    ['used %', ({ space }) => (space === undefined ? '' : percent(space.utilisation))],
    ['state', (pool) => stateOf(pool, nameOf)],
    ['description', (pool) => pool.description],
  ];
}

export const poolColumns: readonly Column<Pool>[] = [
  ['prefix', (pool) => pool.prefix],
  ['id', (pool) => pool.id],
  ['realm', (pool) => pool.realmId],
  ['description', (pool) => pool.description],
  ['state', (pool) => stateOf(pool, (id) => id)],
  ['home', (pool) => pool.homePopId || 'each slab its own'],
  ['quarantine', (pool) => durationText(pool.quarantineSeconds)],
  ['etag', (pool) => pool.etag],
];

// What listColumns has not.
const wideColumns = poolColumns.filter(([title]) => ['id', 'home', 'quarantine', 'etag'].includes(title));

/** How full it is; the API counts IPv4 in addresses, IPv6 in /64 networks. */
function spaceColumns({ prefix }: Pool): readonly Column<Pool>[] {
  const counted = prefix.includes(':') ? '/64 networks' : 'addresses';
  return [
    ['leader', (pool) => pool.leaderNodeId || 'none'],
    ['allocated', (pool) => String(pool.allocations)],
    ['quarantined', (pool) => String(pool.quarantined)],
    [
      'used',
      ({ space }) =>
        space === undefined ? '' : `${percent(space.utilisation)} % (${space.used} of ${space.total} ${counted})`,
    ],
    ['reserved', ({ space }) => (space === undefined ? '' : `${space.reserved} ${counted}`)],
    ['slabs', ({ slabs, space }) => `${slabs} cut${space === undefined ? '' : `, ${space.slabsFree} free`}`],
    ['largest free block', ({ space }) => (space?.largestFreeLength ? `/${space.largestFreeLength}` : 'none')],
    ['fragmentation', ({ space }) => space?.fragmentation.toFixed(2) ?? ''],
  ];
}

const unitColumns: readonly Column<UnitSpace>[] = [
  ['unit', (unit) => `/${unit.length}`],
  ['slabs', (unit) => String(unit.slabs)],
  ['used', (unit) => String(unit.used)],
  ['free', (unit) => String(unit.free)],
];

export function listVerb(pool: Command, session: Session): void {
  pool
    .command('list')
    .alias('ls')
    .description('show all pools and who leads their allocation')
    .action(async () => {
      const { pools, freshness } = await (await session.client()).pools.listPools({});
      await session.list(pools, listColumns(pools), wideColumns);
      session.aged(freshness);
    });
}

export function poolWatchVerb(pool: Command, session: Session): void {
  watchVerb(pool, session, {
    noun: 'pool',
    many: 'pools',
    named: poolRef[1],
    async ask() {
      const { pools, freshness } = await (await session.client()).pools.listPools({});
      return { items: pools, freshness };
    },
    names: ({ id, prefix }) => [id, prefix],
    columns: listColumns([]),
    wide: wideColumns,
  });
}

export function getVerb(pool: Command, session: Session): void {
  pool
    .command('get')
    .aliases(['show', 'describe'])
    .argument(...poolRef)
    .description('show one pool: how full it is, in what pieces, and what is reserved')
    .action(async (ref: string) => {
      const { pools } = await session.client();
      const answer = await pools.getPool({ pool: ref });
      const { pool: found, freshness } = answer;
      await session.record(answer, found, found === undefined ? [] : [...poolColumns, ...spaceColumns(found)]);
      if (!session.wantsData() && found !== undefined) {
        await session.section(found.space?.units ?? [], unitColumns);
        const { reservations } = await pools.listReservations({ pool: found.id });
        await session.section(reservations, reservationColumns);
      }
      session.aged(freshness);
    });
}
