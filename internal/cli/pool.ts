// Pool: prefixes to cut addresses from.

import type { Command } from 'commander';
import type { Pool } from '#internal/gen/pop44/v1/pools_pb.ts';
import { type ChangeOptions, change, changeOf, withChangeOptions } from './change.ts';
import { type Column, yesNo } from './layout.ts';
import type { Session } from './session.ts';

interface CreateOptions extends ChangeOptions {
  readonly realm: string;
  readonly description: string;
}

const columns: readonly Column<Pool>[] = [
  ['prefix', (pool) => pool.prefix],
  ['id', (pool) => pool.id],
  ['realm', (pool) => pool.realmId],
  ['slabs', (pool) => String(pool.slabs)],
  ['allocations', (pool) => String(pool.allocations)],
  ['frozen', (pool) => yesNo(pool.frozen)],
  ['description', (pool) => pool.description],
];
const allColumns: readonly Column<Pool>[] = [...columns, ['etag', (pool) => pool.etag]];

export function poolVerbs(pool: Command, session: Session): void {
  withChangeOptions(pool.command('create').argument('<prefix>', '44.31.0.0/22, 2001:db8:44::/48'), 'new')
    .description('create a pool')
    .option('--realm <id>', 'default: internet', '')
    .option('--description <text>', 'for people', '')
    .action(async (prefix: string, options: CreateOptions) => {
      const { pools } = await session.client();
      const { realm, description } = options;
      await change(session, options, {
        send: () => pools.createPool({ change: changeOf(options), prefix, realmId: realm, description }),
        show: (answer) => session.record(answer, answer.pool, allColumns),
      });
    });
  pool
    .command('list')
    .description('show all pools')
    .action(async () => {
      const { pools, freshness } = await (await session.client()).pools.listPools({});
      await session.list(pools, columns);
      session.aged(freshness);
    });
  pool
    .command('get')
    .argument('<pool>', 'id or prefix')
    .description('show one pool')
    .action(async (ref: string) => {
      const answer = await (await session.client()).pools.getPool({ pool: ref });
      await session.record(answer, answer.pool, allColumns);
      session.aged(answer.freshness);
    });
  withChangeOptions(pool.command('delete').argument('<pool>', 'id or prefix'), 'existing')
    .description('delete a pool that no tunnel has an address of')
    .action(async (ref: string, options: ChangeOptions) => {
      const { pools } = await session.client();
      await change(session, options, {
        send: () => pools.deletePool({ change: changeOf(options), pool: ref }),
        show: (answer) => session.done(answer, `pool ${ref} deleted`),
      });
    });
}
