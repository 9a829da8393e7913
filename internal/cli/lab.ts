// Lab: the labs of this machine, and the way into their namespaces.

import type { Command } from 'commander';
import type { Context } from '#internal/client/client.ts';
import { UsageError } from './io.ts';
import type { Column } from './layout.ts';
import type { Session } from './session.ts';

const columns: readonly Column<Context>[] = [
  ['lab', (lab) => lab.lab ?? ''],
  ['pid', (lab) => String(lab.pid ?? '')],
  ['daemons', (lab) => lab.daemons.map(({ node, address }) => `${node}=${address}`).join(' ')],
  ['context', (lab) => lab.file],
];

export function labVerbs(lab: Command, session: Session): void {
  const { io } = session;
  lab
    .command('list')
    .description('show the labs that run, the newest first')
    .action(async () => {
      const { livingLabs } = await import('#internal/client/client.ts');
      const labs = livingLabs(io.env, io.uid);
      if (session.options.output === 'jsonl') for (const each of labs) await session.dataOf(each);
      else if (session.wantsData()) await session.dataOf(labs);
      else await session.rows(labs, columns);
    });
  lab
    .command('exec')
    .argument('<netns>', 'one of the network namespaces: client, host, inet, p1t, p1p, ...')
    .argument('<command...>', 'after --')
    .description('become a command in a network namespace of the lab: lab exec client -- ping 44.31.0.1')
    .action(async (netns: string, command: readonly string[]) => {
      const { findContext, labExecArgv } = await import('#internal/client/client.ts');
      const { context: file } = session.options;
      const context = findContext({ env: io.env, uid: io.uid, ...(file === undefined ? {} : { file }) });
      io.become(argvIn(() => labExecArgv(context, netns, command, whereFrom(session))));
    });
}

function whereFrom({ io }: Session): { readonly directory: string; readonly path?: string } {
  const path = io.env['PATH'];
  return { directory: io.cwd, ...(path === undefined ? {} : { path }) };
}

function argvIn<T>(make: () => T): T {
  try {
    return make();
  } catch (thrown) {
    if (thrown instanceof RangeError) throw new UsageError(thrown.message);
    throw thrown;
  }
}
