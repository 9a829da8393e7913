// Whois: who has an address, or had it.

import type { Timestamp } from '@bufbuild/protobuf/wkt';
import type { Command } from 'commander';
import type { Whose } from '#internal/gen/pop44/v1/desk_pb.ts';
import { type Column, timeText } from './layout.ts';
import { moment } from './parse.ts';
import type { Session } from './session.ts';

// desk.proto, WhoseKind: the generated constants would be loaded with every start.
const kindNames = ['', 'tunnel', 'owner', 'quarantine', 'reservation', 'delegation', 'pool', 'last holder'] as const;

const whenText = (time: Timestamp | undefined, otherwise: string): string =>
  time === undefined ? otherwise : timeText(time);

const columns: readonly Column<Whose>[] = [
  ['what', ({ kind }) => kindNames[kind] ?? String(kind)],
  ['prefix', ({ prefix }) => prefix],
  ['owner', ({ owner }) => owner || '-'],
  [
    'tunnel',
    ({ tunnelId, tunnelName }) =>
      tunnelId === '' ? '-' : tunnelName === '' ? tunnelId : `${tunnelName} (${tunnelId})`,
  ],
  ['realm', ({ realmId }) => realmId],
  ['since', ({ since }) => whenText(since, 'unknown')],
  ['until', ({ until }) => whenText(until, 'now')],
  ['suspended', ({ suspension }) => suspension?.reason ?? 'no'],
];

export function whoisVerb(whois: Command, session: Session): void {
  whois
    .argument('<address>', 'an address, or a prefix: its first address')
    .option('--at <time>', 'who had it then: 2026-11-25T14:05:00Z, or a day', moment)
    .action(async (address: string, { at }: { readonly at?: Timestamp }) => {
      const { desk } = await session.client();
      const answer = await desk.whois({ address, ...(at && { at }) });
      await session.listed(answer, answer.whose, columns);
      session.aged(answer.freshness);
      const { knownFrom } = answer;
      if (answer.whose.length === 0)
        session.say(`${answer.address} is in no pool of this network${at ? ' that stood then' : ''}`);
      if (at !== undefined && knownFrom !== undefined && at.seconds < knownFrom.seconds) {
        session.say(`before ${timeText(knownFrom)} it is not known who had it: its pool was made then`);
      }
    });
}
