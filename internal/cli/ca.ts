// CA: one that signs certificates follows another, and this admin's own files follow it.

import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { messageOf } from '#internal/errors/errors.ts';
import type { AuthorityState } from '#internal/gen/pop44/v1/trust_pb.ts';
import { type ChangeOptions, change, changeOf, withChangeOptions } from './change.ts';
import { UsageError } from './io.ts';
import type { Kind } from './kind.ts';
import { type Column, timeText } from './layout.ts';
import type { Session } from './session.ts';
import { showVerbs } from './showing.ts';

interface UseOptions extends ChangeOptions {
  readonly without: readonly string[];
}

const shownDigits = 16;

function stateOf({ authority, signs }: AuthorityState): string {
  if (authority?.retiredAt !== undefined) return 'retired';
  if (signs) return 'signs';
  return authority?.signsSince === undefined ? 'trusted' : 'signed before';
}

const columns: readonly Column<AuthorityState>[] = [
  ['ca', ({ authority }) => authority?.id.slice(0, shownDigits) ?? ''],
  ['name', ({ subject }) => subject.replaceAll('\n', ', ')],
  ['state', stateOf],
  ['until', ({ notAfter }) => (notAfter === undefined ? '' : timeText(notAfter))],
  ['certificates of it', ({ usedBy }) => usedBy.join(' ')],
  ['not trusted by', ({ notTrustedBy }) => notTrustedBy.join(' ')],
];

const named = (id: string | undefined): string => id?.slice(0, shownDigits) ?? '';

const kind: Kind<AuthorityState> = {
  noun: 'ca',
  many: 'CAs, whose certificates are of them, and who does not trust one yet',
  named: 'the first 16 digits of its id',
  async ask(session) {
    const { authorities, freshness } = await (await session.client()).trust.listAuthorities({});
    return { items: authorities, freshness };
  },
  names: ({ authority }) => [named(authority?.id), authority?.id ?? ''],
  columns,
};

const collected = (value: string, before: readonly string[]): readonly string[] => [...before, value];

function pemIn(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (thrown) {
    throw new UsageError(`${file} cannot be read: ${messageOf(thrown)}`);
  }
}

export function caVerbs(ca: Command, session: Session): void {
  showVerbs(ca, session, kind);
  withChangeOptions(ca.command('add').argument('<file>', 'its certificate, as pop44d new-ca prints it'), 'new')
    .description('let every node trust a next CA; the one that signs vouches for it')
    .action(async (file: string, options: ChangeOptions) => {
      const certificate = pemIn(file);
      const { trust } = await session.client();
      await change(session, options, {
        send: () => trust.addAuthority({ change: changeOf(options), certificate }),
        show: (answer) => session.done(answer, `CA ${named(answer.authority?.id)} added; pop44 ca trust adds it here`),
      });
    });
  withChangeOptions(ca.command('use').argument('<ca>', 'as ca list shows it'), 'existing')
    .description('let a CA that every node trusts sign; nodes get certificates of it by themselves')
    .option(
      '--without <node>',
      'a node that is away and will be out until it is mended by hand; again for more',
      collected,
      [],
    )
    .action(async (id: string, options: UseOptions) => {
      const { trust } = await session.client();
      await change(session, options, {
        send: () => trust.useAuthority({ change: changeOf(options), id, without: [...options.without] }),
        show: (answer) => session.done(answer, `CA ${named(answer.authority?.id)} signs; pop44 ca trust renews yours`),
      });
    });
  withChangeOptions(ca.command('retire').argument('<ca>', 'as ca list shows it'), 'existing')
    .description('let nobody trust a CA any more that no certificate is of')
    .action(async (id: string, options: ChangeOptions) => {
      const { trust } = await session.client();
      await change(session, options, {
        send: () => trust.retireAuthority({ change: changeOf(options), id }),
        show: (answer) => session.done(answer, `CA ${named(answer.authority?.id)} retired`),
      });
    });
  ca.command('trust')
    .description('let the files of this context follow: the CAs, and your certificate when another CA signs by now')
    .action(async () => {
      const { findContext } = await import('#internal/client/client.ts');
      const { followAuthorities } = await import('./ca-trust.ts');
      const { env, uid } = session.io;
      const file = session.options.context;
      const context = findContext({ env, uid, ...(file === undefined ? {} : { file }) });
      for (const line of await followAuthorities(context, await session.client(), session.io.clock.wall()))
        session.say(line);
    });
}
