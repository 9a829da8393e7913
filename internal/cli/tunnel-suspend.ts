// Tunnel suspend: the abuse desk stops a tunnel, and lets it go on.

import type { Command } from 'commander';
import { type ChangeOptions, change, changeOf, withChangeOptions } from './change.ts';
import type { Session } from './session.ts';
import { allTunnelColumns } from './tunnel-show.ts';

const ref = ['<tunnel>', 'id, owner/name, or a name that is unique'] as const;

export function suspendVerbs(tunnel: Command, session: Session): void {
  withChangeOptions(tunnel.command('suspend').argument(...ref), 'existing')
    .description('stop a tunnel, whatever its owner asks for; it keeps its addresses')
    .requiredOption('--reason <text>', 'for whoever looks at it later: one line of 1 to 200 characters')
    .action(async (of: string, options: ChangeOptions & { readonly reason: string }) => {
      const { desk } = await session.client();
      await change(session, options, {
        send: () => desk.suspendTunnel({ change: changeOf(options), tunnel: of, reason: options.reason }),
        show: (answer) => session.record(answer, answer.tunnel, allTunnelColumns),
        awaited: (answer) => ({ tunnel: answer.tunnel?.id ?? of }),
      });
    });
  withChangeOptions(tunnel.command('unsuspend').argument(...ref), 'existing')
    .description('end a suspension; a tunnel that is disabled stays so')
    .action(async (of: string, options: ChangeOptions) => {
      const { desk } = await session.client();
      await change(session, options, {
        send: () => desk.unsuspendTunnel({ change: changeOf(options), tunnel: of }),
        show: (answer) => session.record(answer, answer.tunnel, allTunnelColumns),
        awaited: (answer) => ({ tunnel: answer.tunnel?.id ?? of }),
      });
    });
}
