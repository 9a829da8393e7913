// Token: what scripts call with.

import type { Command } from 'commander';
import type { ApiToken } from '#internal/gen/pop44/v1/people_pb.ts';
import { type Column, timeText } from './layout.ts';
import { count, several } from './parse.ts';
import { removeSecret, writeNewSecret } from './private-key.ts';
import { newBearer } from './secret-input.ts';
import type { Session } from './session.ts';

const columns: readonly Column<ApiToken>[] = [
  ['name', ({ name }) => name],
  ['id', ({ id }) => id],
  ['scopes', ({ scopes }) => scopes.join(' ')],
  ['since', ({ createdAt }) => (createdAt === undefined ? '' : timeText(createdAt))],
  ['until', ({ expiresAt }) => (expiresAt === undefined ? '' : timeText(expiresAt))],
];

interface CreateOptions {
  readonly scope: readonly string[];
  readonly days: number;
  readonly file?: string;
}

export function tokenVerbs(token: Command, session: Session): void {
  token
    .command('create')
    .argument('<name>', '1 to 63 characters of a-z, 0-9 and -')
    .description('make a token for a script; it is shown once (POP44_TOKEN_FILE names its file to pop44)')
    .option('--scope <scope>', 'read, tunnels or manage; may be repeated', several, [])
    .option('--days <days>', 'that it is valid, up to 366; default: 90', count, 0)
    .option('--file <file>', 'write it there, for you alone to read, instead of showing it')
    .action(async (name: string, { scope, days, file }: CreateOptions) => {
      const { bearer, secretHash } = await newBearer();
      const { people } = await session.client();
      // Before anybody knows its hash, so that no token is made whose secret is lost.
      if (file !== undefined) writeNewSecret(file, `${bearer}\n`);
      try {
        const answer = await people.createToken({ name, scopes: [...scope], secretHash, validDays: days });
        if (file === undefined) session.print(`${bearer}\n`);
        const until = answer.token?.expiresAt === undefined ? '' : ` until ${timeText(answer.token.expiresAt)}`;
        session.say(`token ${name} is good${until}${file === undefined ? '; it is not shown again' : `, in ${file}`}`);
      } catch (thrown) {
        if (file !== undefined && thrown instanceof Error && thrown.name === 'Refused') removeSecret(file);
        throw thrown;
      }
    });
  token
    .command('list')
    .description('show tokens')
    .option('--user <user>', 'callsign or id; default: you', '')
    .action(async ({ user }: { readonly user: string }) => {
      const { tokens, freshness } = await (await session.client()).people.listTokens({ user });
      await session.list(tokens, columns);
      session.aged(freshness);
    });
  token
    .command('revoke')
    .argument('<token>', 'its name, or its id')
    .description('end a token, at once and everywhere')
    .option('--user <user>', 'callsign or id; default: you', '')
    .action(async (of: string, { user }: { readonly user: string }) => {
      const answer = await (await session.client()).people.revokeToken({ user, token: of });
      await session.done(answer, `token ${of} revoked`);
    });
}
