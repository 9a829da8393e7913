// Watch: what comes, changes and goes among the things of a noun, until somebody has seen enough.

import type { Message } from '@bufbuild/protobuf';
import type { Command } from 'commander';
import { Fault } from '#internal/errors/errors.ts';
import { chosen, type Kind } from './kind.ts';
import { type Column, rowsText } from './layout.ts';
import { count, seconds } from './parse.ts';
import type { Session } from './session.ts';

interface WatchOptions {
  readonly interval: number;
  readonly times: number;
}
type Change = 'added' | 'changed' | 'removed';
const signs: Readonly<Record<Change, string>> = { added: '+', changed: '~', removed: '-' };

export function watchVerb<T extends Message>(noun: Command, session: Session, kind: Kind<T>): void {
  noun
    .command('watch')
    .argument(`[${kind.noun}]`, `${kind.named}; default: all ${kind.many}`)
    .description('show them, and then every change: + came, ~ changed, - went')
    .option('--interval <seconds>', 'between two looks', seconds, 2)
    .option('--times <count>', 'look so often and end; default: until it is interrupted', count, Infinity)
    .action((name: string | undefined, options: WatchOptions) => watch(session, kind, name, options));
}

async function watch<T extends Message>(
  session: Session,
  kind: Kind<T>,
  name: string | undefined,
  { interval, times }: WatchOptions,
): Promise<void> {
  const { clock } = session.io;
  const columns = [...kind.columns, ...(session.options.output === 'wide' ? (kind.wide ?? []) : [])];
  const keyOf = (item: T): string => kind.names(item)[0] ?? '';
  // What a reader would see of it; a column that moves by itself says nothing.
  const still = columns.filter(([title]) => kind.restless?.includes(title) !== true);
  const seenOf = (item: T): string => JSON.stringify(still.map(([, value]) => value(item)));
  let before: ReadonlyMap<string, T> | undefined;
  let away = false;
  for (let look = 0; look < times; look += 1) {
    if (look > 0) await clock.sleep(interval * 1_000);
    try {
      const { items } = await kind.ask(session);
      const wanted =
        name === undefined
          ? items
          : before === undefined
            ? [chosen(kind, items, name)]
            : items.filter((item) => kind.names(item).includes(name));
      const now = new Map(wanted.map((item) => [keyOf(item), item]));
      if (before === undefined) await first(session, wanted, columns);
      else await tell(session, differences(before, now, seenOf), columns);
      before = now;
      if (away) session.say('the network answers again');
      away = false;
    } catch (thrown) {
      // A daemon that is away comes back; what a person has to put right does not by itself.
      if (!(thrown instanceof Fault) || before === undefined || thrown.code === 'context') throw thrown;
      if (!away) session.say(`warning: ${thrown.message}`);
      away = true;
    }
  }
}

function differences<T>(
  before: ReadonlyMap<string, T>,
  now: ReadonlyMap<string, T>,
  seenOf: (item: T) => string,
): readonly (readonly [Change, T])[] {
  const found: (readonly [Change, T])[] = [];
  for (const [key, item] of now) {
    const old = before.get(key);
    if (old === undefined) found.push(['added', item]);
    else if (seenOf(old) !== seenOf(item)) found.push(['changed', item]);
  }
  for (const [key, item] of before) if (!now.has(key)) found.push(['removed', item]);
  return found;
}

async function first<T extends Message>(session: Session, items: readonly T[], columns: readonly Column<T>[]) {
  if (session.wantsData())
    await tell(
      session,
      items.map((item) => ['added', item] as const),
      columns,
    );
  else session.print(await rowsText(items, columns, session.form()));
}

async function tell<T extends Message>(
  session: Session,
  changes: readonly (readonly [Change, T])[],
  columns: readonly Column<T>[],
): Promise<void> {
  if (changes.length === 0) return;
  if (!session.wantsData()) {
    const signed = columns.map(([title, value]): Column<readonly [Change, T]> => [title, ([, item]) => value(item)]);
    // Without its titles: they stand above.
    session.print(await rowsText(changes, [['', ([what]) => signs[what]], ...signed], 'tabs'));
    return;
  }
  const { jsonOf } = await import('./json.ts');
  for (const [change, item] of changes) await session.dataOf({ change, item: jsonOf(item) });
}
