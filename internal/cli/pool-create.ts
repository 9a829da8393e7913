// Pool create: pools come and go, whole or as a delegation.

import type { Command } from 'commander';
import { type ChangeOptions, change, changeOf, withChangeOptions } from './change.ts';
import { duration } from './duration.ts';
import { UsageError } from './io.ts';
import { prefixLength } from './parse.ts';
import { poolColumns, poolRef } from './pool-show.ts';
import type { Session } from './session.ts';

interface CreateOptions extends ChangeOptions {
  readonly realm: string;
  readonly home: string;
  readonly quarantine?: number;
  readonly description: string;
}

export function createVerb(pool: Command, session: Session): void {
  withChangeOptions(pool.command('create').argument('<prefix>', '44.31.0.0/22, 2001:db8:44::/48'), 'new')
    .description('create a pool')
    .option('--realm <id>', 'default: internet', '')
    .option('--home <pop>', 'home of all its slabs; default: of each, that of the first tunnel in it', '')
    .option('--quarantine <duration>', "how long what is released stays its owner's, 0 to 30d; default: 24h", duration)
    .option('--description <text>', 'for people', '')
    .action(async (prefix: string, options: CreateOptions) => {
      const { pools } = await session.client();
      const { realm, home, quarantine, description } = options;
      const request = {
        ...{ change: changeOf(options), prefix, realmId: realm, homePopId: home, description },
        ...(quarantine === undefined ? {} : { quarantineSeconds: quarantine }),
      };
      await change(session, options, {
        send: () => pools.createPool(request),
        show: (answer) => session.record(answer, answer.pool, poolColumns),
      });
    });
}

interface DelegateOptions extends ChangeOptions {
  readonly to: string;
  readonly length?: number;
  readonly prefix?: string;
  readonly description: string;
}

export function delegateVerb(pool: Command, session: Session): void {
  withChangeOptions(pool.command('delegate').argument(...poolRef), 'existing')
    .description('hand a block of a pool to a PoP, as a pool of its own; pool delete takes it back')
    .requiredOption('--to <pop>', 'home of everything in it')
    .option('--length <length>', 'the first free block of this length: 28', prefixLength)
    .option('--prefix <prefix>', 'this block: 44.31.1.16/28')
    .option('--description <text>', 'for people', '')
    .action(async (ref: string, options: DelegateOptions) => {
      const { to, length, prefix, description } = options;
      if ((length === undefined) === (prefix === undefined)) {
        throw new UsageError('which block? Give either --length or --prefix');
      }
      const { pools } = await session.client();
      const block = { length: length ?? 0, prefix: prefix ?? '' };
      await change(session, options, {
        send: () => pools.delegatePool({ change: changeOf(options), pool: ref, ...block, popId: to, description }),
        show: (answer) => session.record(answer, answer.pool, poolColumns),
      });
    });
}

export function deleteVerb(pool: Command, session: Session): void {
  withChangeOptions(pool.command('delete').argument(...poolRef), 'existing')
    .description('delete a pool that nothing is allocated from; of a delegation: give the block back')
    .action(async (ref: string, options: ChangeOptions) => {
      const { pools } = await session.client();
      await change(session, options, {
        send: () => pools.deletePool({ change: changeOf(options), pool: ref }),
        show: (answer) => session.done(answer, `pool ${ref} deleted`),
      });
    });
}
