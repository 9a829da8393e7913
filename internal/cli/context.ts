// Context: networks under names, and which of them is spoken to.

import type { Command } from 'commander';
import type { NamedContext } from '#internal/client/client.ts';
import { UsageError } from './io.ts';
import type { Column } from './layout.ts';
import type { Session } from './session.ts';

const columns: readonly Column<NamedContext>[] = [
  ['in use', ({ current }) => (current ? '*' : '')],
  ['name', ({ name }) => name],
  [
    'daemons',
    ({ context, problem }) =>
      context?.daemons.map(({ node, address }) => `${node}=${address}`).join(' ') ?? problem ?? '',
  ],
];

export function contextVerbs(context: Command, session: Session): void {
  const { env } = session.io;
  const contexts = () => import('#internal/client/client.ts');
  context
    .command('list')
    .alias('ls')
    .description('show the contexts that have names')
    .action(async () => {
      const named = (await contexts()).namedContexts(env);
      if (session.options.output === 'jsonl') for (const each of named) await session.dataOf(each);
      else if (session.wantsData()) await session.dataOf(named);
      else await session.rows(named, columns);
    });
  context
    .command('add')
    .argument('<name>', 'a-z, 0-9 and -')
    .argument('<file>', 'context.json, as a lab or an administrator gives it')
    .description('keep a context under a name')
    .action(async (name: string, file: string) => {
      const { addContext, readContext } = await contexts();
      session.say(`wrote ${addContext(name, readContext(file), env)}; pop44 context use ${name}`);
    });
  context
    .command('use')
    .argument('[name]')
    .option('--none', 'none: the newest lab is spoken to again')
    .description('speak to that network from now on; --context, POP44_CONTEXT and POP44_LAB go before it')
    .action(async (name: string | undefined, { none = false }: { readonly none?: boolean }) => {
      if ((name === undefined) !== none) throw new UsageError('which one? Give its name, or --none');
      (await contexts()).useContext(name, env);
      session.say(name === undefined ? 'no context is in use' : `${name} is in use`);
    });
  context
    .command('delete')
    .argument('<name>')
    .description('forget a name and its login; certificate and key stay where they are')
    .action(async (name: string) => {
      (await contexts()).deleteContext(name, env);
      session.say(`context ${name} deleted`);
    });
}
