// Pool update: change, freeze and unfreeze.

import type { Command } from 'commander';
import { type ChangeOptions, change, changeOf, withChangeOptions } from './change.ts';
import { duration } from './duration.ts';
import { UsageError } from './io.ts';
import { poolColumns, poolRef } from './pool-show.ts';
import type { Session } from './session.ts';

interface Changes {
  readonly description?: string;
  readonly frozen?: boolean;
  readonly quarantineSeconds?: number;
  readonly homePopId?: string;
}
interface UpdateOptions extends ChangeOptions {
  readonly description?: string;
  readonly quarantine?: number;
  /** False: --no-home. */
  readonly home?: string | false;
}

async function update(session: Session, pool: string, changes: Changes, options: ChangeOptions): Promise<void> {
  const { pools } = await session.client();
  await change(session, options, {
    send: () => pools.updatePool({ change: changeOf(options), pool, ...changes }),
    show: (answer) => session.record(answer, answer.pool, poolColumns),
  });
}

export function updateVerbs(pool: Command, session: Session): void {
  withChangeOptions(pool.command('update').argument(...poolRef), 'existing')
    .description('change a pool; what is allocated stays as it is')
    .option('--description <text>', 'for people')
    .option('--quarantine <duration>', "how long what is released from now on stays its owner's, 0 to 30d", duration)
    .option('--home <pop>', 'home of the slabs that are cut from now on')
    .option('--no-home', 'of each, that of the first tunnel in it')
    .action(async (of: string, options: UpdateOptions) => {
      const { description, quarantine, home } = options;
      const changes: Changes = {
        ...(description === undefined ? {} : { description }),
        ...(quarantine === undefined ? {} : { quarantineSeconds: quarantine }),
        ...(home === undefined ? {} : { homePopId: home === false ? '' : home }),
      };
      if (Object.keys(changes).length === 0) {
        throw new UsageError('nothing to change: give --description, --quarantine, --home or --no-home');
      }
      await update(session, of, changes, options);
    });
  for (const [verb, frozen] of [
    ['freeze', true],
    ['unfreeze', false],
  ] as const) {
    withChangeOptions(pool.command(verb).argument(...poolRef), 'existing')
      .description(frozen ? 'allocate nothing more from a pool' : 'allocate from a pool again; ends a drain')
      .action((of: string, options: ChangeOptions) => update(session, of, { frozen }, options));
  }
}
