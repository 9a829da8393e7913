// Showing: list, get, describe and watch, the same for every noun whose things come in one list.

import type { Message } from '@bufbuild/protobuf';
import type { Command } from 'commander';
import { chosen, type Kind } from './kind.ts';
import type { Session } from './session.ts';
import { watchVerb } from './watch.ts';

export function showVerbs<T extends Message>(noun: Command, session: Session, kind: Kind<T>): void {
  listVerb(noun, session, kind);
  oneVerbs(noun, session, kind);
  watchVerb(noun, session, kind);
}

function listVerb<T extends Message>(noun: Command, session: Session, kind: Kind<T>): void {
  noun
    .command('list')
    .alias('ls')
    .description(`show all ${kind.many}`)
    .action(async () => {
      const { items, freshness } = await kind.ask(session);
      await session.list(items, kind.columns, kind.wide);
      session.aged(freshness);
    });
}

/** get, and where something hangs on a thing, describe. */
export function oneVerbs<T extends Message>(noun: Command, session: Session, kind: Kind<T>): void {
  const show = async (name: string, all: boolean): Promise<void> => {
    const { items, freshness } = await kind.ask(session);
    const item = chosen(kind, items, name);
    await session.record(item, item, [...kind.columns, ...(kind.wide ?? [])]);
    if (all && !session.wantsData()) await kind.related?.(session, item);
    session.aged(freshness);
  };
  noun
    .command('get')
    .argument(`<${kind.noun}>`, kind.named)
    .description('show one')
    .action((name: string) => show(name, false));
  if (kind.related === undefined) return;
  noun
    .command('describe')
    .argument(`<${kind.noun}>`, kind.named)
    .description('show one and what hangs on it')
    .action((name: string) => show(name, true));
}
