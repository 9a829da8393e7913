// Login: who one is to this network, and where else one is logged in.

import type { Command } from 'commander';
import type { Context } from '#internal/client/client.ts';
import type { Login, WhoAmIResponse } from '#internal/gen/pop44/v1/people_pb.ts';
import { refusalOf, UsageError } from './io.ts';
import { type Column, timeText, yesNo } from './layout.ts';
import { newBearer, type PasswordOptions, secretFrom, withPasswordFile } from './secret-input.ts';
import type { Session } from './session.ts';
import { roleName, stateName } from './user.ts';

async function contextOf({ io: { env, uid }, options: { context } }: Session): Promise<Context> {
  const { findContext } = await import('#internal/client/client.ts');
  return findContext({ env, uid, ...(context === undefined ? {} : { file: context }) });
}

const columns: readonly Column<Login>[] = [
  ['id', ({ id }) => id],
  ['since', ({ createdAt }) => (createdAt === undefined ? '' : timeText(createdAt))],
  ['until', ({ expiresAt }) => (expiresAt === undefined ? '' : timeText(expiresAt))],
  ['from', ({ source }) => source || '-'],
  ['program', ({ label }) => label],
  ['this one', ({ current }) => yesNo(current)],
];

export function loginVerbs(login: Command, session: Session): void {
  withPasswordFile(login.argument('[name]', 'callsign or address; asked for without it'))
    .description('log in; the secret is kept in a file beside the context')
    .action(async (name: string | undefined, { passwordFile }: PasswordOptions) => {
      const { loginFileOf, writeBearer } = await import('#internal/client/client.ts');
      const context = await contextOf(session);
      const who = name ?? (await session.io.ask('Callsign or address: '));
      if (who.trim() === '') throw new UsageError('whose login? Give a callsign or an address');
      const password = await secretFrom(session, passwordFile, 'Password');
      const { bearer, secretHash } = await newBearer();
      const { people } = await session.anonymous();
      const label = `pop44 ${session.io.version}`;
      const answer = await people.login({ name: who.trim(), password, secretHash, label });
      writeBearer(loginFileOf(context), bearer);
      const until = answer.login?.expiresAt === undefined ? '' : ` until ${timeText(answer.login.expiresAt)}`;
      await session.done(answer, `logged in${until}`);
    });
  login
    .command('list')
    .description('show logins')
    .option('--user <user>', 'callsign or id; default: you', '')
    .action(async ({ user }: { readonly user: string }) => {
      const { logins, freshness } = await (await session.client()).people.listLogins({ user });
      await session.list(logins, columns);
      session.aged(freshness);
    });
  login
    .command('revoke')
    .argument('[id]', 'as login list shows it')
    .description('end a login, at once and everywhere')
    .option('--all', 'all of them, this one too')
    .option('--user <user>', 'callsign or id; default: you', '')
    .action(async (id: string | undefined, { all, user }: { readonly all?: boolean; readonly user: string }) => {
      if ((id === undefined) === (all !== true)) throw new UsageError('which login? Give an id, or --all');
      const { people } = await session.client();
      const answer = await people.revokeLogin({ user, id: id ?? '' });
      await session.done(answer, `${answer.revoked} revoked`);
    });
}

export function logoutVerb(logout: Command, session: Session): void {
  logout.action(async () => {
    const { loginFileOf, readBearer, removeBearer } = await import('#internal/client/client.ts');
    const file = loginFileOf(await contextOf(session));
    if (readBearer(file) === undefined) throw new UsageError('nobody is logged in here');
    try {
      const answer = await (await session.client()).people.logout({});
      await session.done(answer, 'logged out');
    } catch (thrown) {
      // It has ended already: so much is done.
      if (refusalOf(thrown)?.refused !== 'unauthenticated') throw thrown;
      session.say('the login had ended already');
    }
    removeBearer(file);
  });
}

const whoColumns: readonly Column<WhoAmIResponse>[] = [
  ['principal', ({ principal }) => principal],
  ['callsign', ({ user }) => user?.callsign ?? '-'],
  ['email', ({ user }) => user?.email ?? '-'],
  ['role', ({ user }) => (user === undefined ? '-' : roleName(user))],
  ['state', ({ user }) => (user === undefined ? '-' : stateName(user))],
  ['scopes', ({ scopes }) => scopes.join(' ') || 'all'],
  ['until', ({ expiresAt }) => (expiresAt === undefined ? '-' : timeText(expiresAt))],
];

export function whoamiVerb(whoami: Command, session: Session): void {
  whoami.action(async () => {
    const answer = await (await session.client()).people.whoAmI({});
    await session.record(answer, answer, whoColumns);
  });
}
