// Pool reserve: ranges that are given to nobody, or to one owner who asks for them.

import type { Command } from 'commander';
import type { Reservation } from '#internal/gen/pop44/v1/pools_pb.ts';
import { type ChangeOptions, change, changeOf, withChangeOptions } from './change.ts';
import type { Column } from './layout.ts';
import type { Session } from './session.ts';

interface ReserveOptions extends ChangeOptions {
  readonly owner: string;
  readonly description: string;
}

export const reservationColumns: readonly Column<Reservation>[] = [
  ['reserved', (reservation) => reservation.prefix],
  ['for', (reservation) => reservation.owner || 'nobody'],
  ['description', (reservation) => reservation.description],
];
const allColumns: readonly Column<Reservation>[] = [
  ['pool', (reservation) => reservation.poolId],
  ...reservationColumns,
];

const withArguments = (command: Command): Command =>
  command.argument('<pool>', 'id or prefix').argument('<prefix>', 'a range in it: 44.31.0.0/29');

export function reservationVerbs(pool: Command, session: Session): void {
  withChangeOptions(withArguments(pool.command('reserve')), 'new')
    .description('keep a range from being given')
    .option('--owner <owner>', 'who may ask for it by its prefix; default: nobody', '')
    .option('--description <text>', 'for people', '')
    .action(async (of: string, prefix: string, options: ReserveOptions) => {
      const { pools } = await session.client();
      const { owner, description } = options;
      await change(session, options, {
        send: () => pools.createReservation({ change: changeOf(options), pool: of, prefix, owner, description }),
        show: (answer) => session.record(answer, answer.reservation, allColumns),
      });
    });
  withChangeOptions(withArguments(pool.command('unreserve')), 'existing')
    .description('let a reserved range be given again')
    .action(async (of: string, prefix: string, options: ChangeOptions) => {
      const { pools } = await session.client();
      await change(session, options, {
        send: () => pools.deleteReservation({ change: changeOf(options), pool: of, prefix }),
        show: (answer) => session.done(answer, `${prefix} is not reserved any more`),
      });
    });
  pool
    .command('reservations')
    .argument('[pool]', 'id or prefix; default: of all pools')
    .description('show what is reserved')
    .action(async (of: string | undefined) => {
      const { reservations, freshness } = await (await session.client()).pools.listReservations({ pool: of ?? '' });
      await session.list(reservations, allColumns);
      session.aged(freshness);
    });
}
