// Network: created once, before anything else.

import type { Command } from 'commander';
import { type ChangeOptions, change, changeOf, withChangeOptions } from './change.ts';
import type { Session } from './session.ts';

interface CreateOptions extends ChangeOptions {
  readonly allowDocumentationSpace?: boolean;
}

export function networkVerbs(network: Command, session: Session): void {
  withChangeOptions(network.command('create').argument('<name>', 'for people'), 'new')
    .description('create the network and the realm "internet"')
    .option('--allow-documentation-space', 'pools may lie in documentation prefixes (labs only)')
    .action(async (name: string, options: CreateOptions) => {
      const { fabric } = await session.client();
      const allowDocumentationSpace = options.allowDocumentationSpace ?? false;
      await change(session, options, {
        send: () => fabric.createNetwork({ change: changeOf(options), name, allowDocumentationSpace }),
        show: (answer) =>
          session.record(answer, answer.network, [
            ['name', (made) => made.name],
            ['uid', (made) => made.uid],
          ]),
      });
    });
}
