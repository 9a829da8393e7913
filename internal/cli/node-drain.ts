// Node drain: take a node out of use and put it back, and wait until what it carried has moved.

import type { Command } from 'commander';
import { type ChangeOptions, change, changeOf, withChangeOptions } from './change.ts';
import { NotApplied } from './io.ts';
import { nodeColumns } from './node-columns.ts';
import type { Session } from './session.ts';

const pollMs = 200;

/** @throws NotApplied when the time is over */
async function moved(session: Session, nodeId: string, seconds: number): Promise<void> {
  const { clock } = session.io;
  const { fabric } = await session.client();
  const untilMs = clock.monotonicMs() + seconds * 1_000;
  for (;;) {
    const { nodes } = await fabric.listNodes({});
    const state = nodes.find(({ node }) => node?.id === nodeId);
    const pending = state === undefined ? 'is no node any more' : state.drainPending;
    if (pending === '') return;
    if (clock.monotonicMs() > untilMs)
      throw new NotApplied(`accepted, but ${nodeId} still ${pending} after ${seconds} s`);
    await clock.sleep(pollMs);
  }
}

export function drainVerbs(node: Command, session: Session): void {
  withChangeOptions(node.command('drain').argument('<node>'), 'existing')
    .description('take a node out of use: what it carries moves, and no packet is lost; with --wait until it has')
    .option('--reason <text>', 'for whoever looks at it later: one line of 200 characters at most', '')
    .option('--force', 'also where no other node of its PoP can take over')
    .action(async (of: string, options: ChangeOptions & { readonly reason: string; readonly force?: boolean }) => {
      const { fabric } = await session.client();
      const { reason, force = false, wait, dryRun } = options;
      await change(session, options, {
        send: () => fabric.drainNode({ change: changeOf(options), node: of, reason, force }),
        show: (answer) => session.record(answer, answer.node, nodeColumns),
        awaited: () => ({ nodeIds: [of] }),
      });
      if (wait === undefined || dryRun === true) return;
      await moved(session, of, wait);
      session.say(`${of} carries nothing that another node can carry`);
    });
  withChangeOptions(node.command('undrain').argument('<node>'), 'existing')
    .description('put a drained node back into use: it takes its PoP back if it carried it; with --wait until it has')
    .action(async (of: string, options: ChangeOptions) => {
      const { fabric } = await session.client();
      await change(session, options, {
        send: () => fabric.undrainNode({ change: changeOf(options), node: of }),
        show: (answer) => session.record(answer, answer.node, nodeColumns),
        awaited: () => ({ nodeIds: [of] }),
      });
      if (options.wait === undefined || options.dryRun === true) return;
      await moved(session, of, options.wait);
      session.say(`${of} is in use`);
    });
}
