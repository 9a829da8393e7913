// Tunnel restore: a deletion that is taken back, and another name.

import type { Command } from 'commander';
import { type ChangeOptions, change, changeOf, withChangeOptions } from './change.ts';
import type { Session } from './session.ts';
import { allTunnelColumns } from './tunnel-show.ts';

export function restoreVerbs(tunnel: Command, session: Session): void {
  withChangeOptions(
    tunnel.command('restore').argument('<tunnel>', 'id, owner/name or name of one that was deleted'),
    'new',
  )
    .description('take a deletion back while its addresses are in quarantine (tunnel list --deleted shows which)')
    .action(async (of: string, options: ChangeOptions) => {
      const { tunnels } = await session.client();
      await change(session, options, {
        send: () => tunnels.restoreTunnel({ change: changeOf(options), tunnel: of }),
        show: (answer) => session.record(answer, answer.tunnel, allTunnelColumns),
        awaited: (answer) => ({ tunnel: answer.tunnel?.id ?? of }),
      });
    });
  withChangeOptions(
    tunnel
      .command('rename')
      .argument('<tunnel>', 'id, owner/name, or a name that is unique')
      .argument('<name>', 'a new one'),
    'existing',
  )
    .description('give a tunnel another name; everything else stays')
    .action(async (of: string, name: string, options: ChangeOptions) => {
      const { tunnels } = await session.client();
      await change(session, options, {
        send: () => tunnels.updateTunnel({ change: changeOf(options), tunnel: of, name }),
        show: (answer) => session.done(answer, `tunnel ${of} is called ${name}`),
        awaited: (answer) => ({ tunnel: answer.tunnel?.id ?? of }),
      });
    });
}
