// Blackhole: addresses under attack.

import type { Command } from 'commander';
import type { Blackhole } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { type ChangeOptions, change, changeOf, withChangeOptions } from './change.ts';
import { duration } from './duration.ts';
import type { Kind } from './kind.ts';
import { type Column, timeText } from './layout.ts';
import type { Session } from './session.ts';
import { showVerbs } from './showing.ts';

interface CreateOptions extends ChangeOptions {
  readonly reason: string;
  readonly for: number;
}

const columns: readonly Column<Blackhole>[] = [
  ['prefix', (hole) => hole.prefix],
  ['until', (hole) => (hole.expiresAt === undefined ? 'deleted' : timeText(hole.expiresAt))],
  ['since', (hole) => (hole.createdAt === undefined ? '' : timeText(hole.createdAt))],
  ['by', (hole) => hole.by],
  ['reason', (hole) => hole.reason],
];

const kind: Kind<Blackhole> = {
  noun: 'blackhole',
  many: 'blackholes',
  named: 'address',
  async ask(session) {
    const { blackholes, freshness } = await (await session.client()).desk.listBlackholes({});
    return { items: blackholes, freshness };
  },
  // An address alone is a prefix of one.
  names: ({ prefix }) => [prefix, prefix.replace(/\/(32|128)$/, '')],
  columns,
};

export function blackholeVerbs(blackhole: Command, session: Session): void {
  withChangeOptions(blackhole.command('create').argument('<address>'), 'new')
    .description('drop what is sent to an address, here and at upstreams that accept blackholes')
    .requiredOption('--reason <text>', 'for whoever looks at it later: one line of 1 to 200 characters')
    .option('--for <time>', 'ends by itself: 30m, 2h, 7d; up to 30 d (default: until it is deleted)', duration, 0)
    .action(async (address: string, options: CreateOptions) => {
      const { desk } = await session.client();
      const { reason, for: seconds } = options;
      await change(session, options, {
        send: () => desk.createBlackhole({ change: changeOf(options), address, reason, seconds }),
        show: (answer) => session.record(answer, answer.blackhole, columns),
      });
    });
  showVerbs(blackhole, session, kind);
  withChangeOptions(blackhole.command('delete').argument('<address>'), 'existing')
    .description('let traffic to the address through again')
    .action(async (address: string, options: ChangeOptions) => {
      const { desk } = await session.client();
      await change(session, options, {
        send: () => desk.deleteBlackhole({ change: changeOf(options), address }),
        show: (answer) => session.done(answer, `blackhole ${address} deleted`),
      });
    });
}
