// Allocation: prefixes that an owner holds, with or without a tunnel.

import type { Command } from 'commander';
import type { Allocation } from '#internal/gen/pop44/v1/allocations_pb.ts';
import { type ChangeOptions, change, changeOf, withChangeOptions } from './change.ts';
import type { Kind } from './kind.ts';
import { type Column, timeText } from './layout.ts';
import { allPages } from './pages.ts';
import type { Session } from './session.ts';
import { oneVerbs } from './showing.ts';
import { watchVerb } from './watch.ts';
import { type WishOptions, wholePrefix, wishesOf, withWishOptions } from './wish.ts';

interface CreateOptions extends ChangeOptions, WishOptions {
  readonly owner: string;
  readonly home: string;
}
interface ListOptions {
  readonly owner: string;
  readonly pool: string;
  readonly quarantined?: boolean;
}
interface ReleaseOptions extends ChangeOptions {
  readonly owner: string;
  readonly pool: string;
}

function useOf({ tunnelId, delegatedPoolId, quarantinedUntil }: Allocation): string {
  if (quarantinedUntil !== undefined) return `quarantined until ${timeText(quarantinedUntil)}`;
  if (delegatedPoolId !== '') return `delegated as ${delegatedPoolId}`;
  return tunnelId === '' ? 'held' : `tunnel ${tunnelId}`;
}

const columns: readonly Column<Allocation>[] = [
  ['prefix', (allocation) => allocation.prefix],
  ['owner', (allocation) => allocation.owner],
  ['use', useOf],
  ['home', (allocation) => allocation.homePopId],
  ['realm', (allocation) => allocation.realmId],
  ['pool', (allocation) => allocation.poolId],
];

export async function allAllocations(
  session: Session,
  wanted: { readonly owner?: string; readonly pool?: string; readonly withQuarantined?: boolean },
): Promise<readonly Allocation[]> {
  const { allocations } = await session.client();
  return allPages(session, async (page) => {
    const answer = await allocations.listAllocations({ ...page, ...wanted });
    return { ...answer, items: answer.allocations };
  });
}

const kind: Kind<Allocation> = {
  noun: 'allocation',
  many: 'allocations',
  named: 'prefix',
  ask: async (session) => ({ items: await allAllocations(session, { withQuarantined: true }) }),
  names: ({ prefix }) => [prefix, prefix.replace(/\/(32|128)$/, '')],
  columns,
};

export function allocationVerbs(allocation: Command, session: Session): void {
  for (const verb of [createVerb, listVerb, releaseVerb]) verb(allocation, session);
  oneVerbs(allocation, session, kind);
  watchVerb(allocation, session, kind);
}

function createVerb(allocation: Command, session: Session): void {
  const command = withChangeOptions(allocation.command('create'), 'new')
    .description('give an owner prefixes, all of them or none; tunnel create --ipv4 PREFIX takes one into use')
    .option('--owner <owner>', 'default: you', '')
    .option('--home <pop>', "PoP that announces them; default: the daemon's", '');
  withWishOptions(command, 'default: one address and one /64; a family that is not named gets nothing').action(
    async (options: CreateOptions) => {
      const wishes = wishesOf(options, 'nothing');
      const { allocations } = await session.client();
      const { owner, home } = options;
      await change(session, options, {
        send: () => allocations.allocate({ change: changeOf(options), owner, homePopId: home, wishes }),
        show: (answer) => session.listed(answer, answer.allocations, columns),
      });
    },
  );
}

function listVerb(allocation: Command, session: Session): void {
  allocation
    .command('list')
    .alias('ls')
    .description('show what is allocated')
    .option('--owner <owner>', 'of this owner alone', '')
    .option('--pool <pool>', 'of this pool alone', '')
    .option('--quarantined', 'and what was released and is not free yet')
    .action(async ({ owner, pool, quarantined = false }: ListOptions) => {
      await session.list(await allAllocations(session, { owner, pool, withQuarantined: quarantined }), columns);
    });
}

function releaseVerb(allocation: Command, session: Session): void {
  // Of several there is no one etag.
  withChangeOptions(allocation.command('release').argument('<prefix...>', '44.31.0.8/29; 1 to 16'), 'new')
    .description("give prefixes back that no tunnel uses; they stay their owner's until the pool's quarantine ends")
    .option('--owner <owner>', 'who holds them; default: you', '')
    .option('--pool <pool>', 'where a prefix lies in more than one realm', '')
    .action(async (named: readonly string[], options: ReleaseOptions) => {
      const { allocations } = await session.client();
      const { owner, pool } = options;
      const prefixes = named.map(wholePrefix);
      await change(session, options, {
        send: () => allocations.release({ change: changeOf(options), owner, pool, prefixes }),
        show: (answer) => session.done(answer, `released ${prefixes.join(', ')}`),
      });
    });
}
