// Anycast: PoPs that share one endpoint and one key.

import type { Command } from 'commander';
import { anycastColumns, anycastKind } from './anycast-kind.ts';
import { type ChangeOptions, change, changeOf, withChangeOptions } from './change.ts';
import type { Session } from './session.ts';
import { showVerbs } from './showing.ts';

interface CreateOptions extends ChangeOptions {
  readonly of: string;
  readonly description: string;
}

export function anycastVerbs(anycast: Command, session: Session): void {
  withChangeOptions(anycast.command('create').argument('<id>'), 'new')
    .description('make the endpoint and the key of a PoP those of a group, which others join by pop update --anycast')
    .requiredOption('--of <pop>', 'PoP whose endpoint it is; no client of it needs a new file')
    .option('--description <text>', 'for people', '')
    .action(async (id: string, options: CreateOptions) => {
      const { fabric } = await session.client();
      const { of: pop, description } = options;
      await change(session, options, {
        send: () => fabric.createAnycastGroup({ change: changeOf(options), id, pop, description }),
        show: (answer) => session.record(answer, answer.group, anycastColumns),
      });
    });
  showVerbs(anycast, session, anycastKind);
  withChangeOptions(anycast.command('delete').argument('<id>'), 'existing')
    .description('give the endpoint and the key back to the PoP that they are of, once it is alone')
    .action(async (id: string, options: ChangeOptions) => {
      const { fabric } = await session.client();
      await change(session, options, {
        send: () => fabric.deleteAnycastGroup({ change: changeOf(options), id }),
        show: (answer) => session.done(answer, `anycast group ${id} deleted`),
      });
    });
}
