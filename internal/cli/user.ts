// User: accounts, as admins see them.

import type { Message } from '@bufbuild/protobuf';
import { type Command, InvalidArgumentError } from 'commander';
import type { UserRole, UserState } from '#internal/gen/pop44/store/v1/people_pb.ts';
import type { Changed } from '#internal/gen/pop44/v1/common_pb.ts';
import type { User } from '#internal/gen/pop44/v1/people_pb.ts';
import { type ChangeOptions, change, changeOf } from './change.ts';
import { type Column, timeText } from './layout.ts';
import { allPages } from './pages.ts';
import { several } from './parse.ts';
import type { Session } from './session.ts';

// people.proto, UserState and UserRole: the generated constants would be loaded with every start.
const states = ['', 'pending', 'active', 'suspended'] as const;
const roles = ['', 'user', 'regional-admin', 'global-admin', 'auditor'] as const;

export const stateName = ({ state }: Pick<User, 'state'>): string => states[state] ?? String(state);
export function roleName({ role, popIds }: Pick<User, 'role' | 'popIds'>): string {
  return [roles[role] ?? String(role), ...popIds].join(' ');
}

const numbered =
  <T extends number>(words: readonly string[]) =>
  (text: string): T => {
    const at = words.indexOf(text);
    // The words stand in the order of their numbers.
    if (at > 0) return at as T;
    throw new InvalidArgumentError(`one of ${words.slice(1).join(', ')}.`);
  };

const columns: readonly Column<User>[] = [
  ['callsign', ({ callsign }) => callsign],
  ['id', ({ id }) => id],
  ['state', stateName],
  ['role', roleName],
  ['email', ({ email }) => email],
  ['since', ({ createdAt }) => (createdAt === undefined ? '' : timeText(createdAt))],
];
const allColumns: readonly Column<User>[] = [
  ...columns,
  ['owner', ({ owner }) => owner],
  [
    'approved',
    ({ approvedAt, approvedBy }) => (approvedAt === undefined ? 'no' : `${timeText(approvedAt)} ${approvedBy}`),
  ],
  ['suspended', ({ suspension }) => (suspension === undefined ? 'no' : `${suspension.reason} (by ${suspension.by})`)],
  ['etag', ({ etag }) => etag],
];

const ref = ['<user>', 'callsign, address or id'] as const;

/** Of an account nothing is applied on nodes: there is nothing to wait for. */
const withAccountOptions = (command: Command): Command =>
  command
    .option('--dry-run', 'show the record changes, make none')
    .option('--request-id <id>', 'a repeat with the same id within 24 h gives the first answer again')
    .option('--etag <etag>', 'refuse when it was changed since this etag');

type Verb = 'approveUser' | 'reinstateUser' | 'deleteUser';

export function userVerbs(user: Command, session: Session): void {
  user
    .command('list')
    .description('show all users')
    .option('--state <state>', 'pending, active or suspended alone', numbered(states), 0)
    .action(async ({ state }: { readonly state: UserState }) => {
      const { people } = await session.client();
      const all = await allPages(session, async (page) => {
        const answer = await people.listUsers({ state, ...page });
        return { ...answer, items: answer.users };
      });
      await session.list(all, columns);
    });
  user
    .command('get')
    .argument(...ref)
    .description('show one user')
    .action(async (of: string) => {
      const answer = await (await session.client()).people.getUser({ user: of });
      await session.record(answer, answer.user, allColumns);
      session.aged(answer.freshness);
    });
  for (const [name, method, description, done] of [
    ['approve', 'approveUser', 'let a user in who has signed up', 'approved'],
    ['reinstate', 'reinstateUser', 'end a suspension', 'reinstated'],
    ['delete', 'deleteUser', 'delete an account that owns nothing any more', 'deleted'],
  ] as const satisfies readonly (readonly [string, Verb, string, string])[]) {
    withAccountOptions(user.command(name).argument(...ref))
      .description(description)
      .action(async (of: string, options: ChangeOptions) => {
        const { people } = await session.client();
        await change(session, options, {
          send: (): Promise<Message & { changed?: Changed | undefined }> =>
            people[method]({ change: changeOf(options), user: of }),
          show: (answer) => session.done(answer, `user ${of} ${done}`),
        });
      });
  }
  withAccountOptions(user.command('suspend').argument(...ref))
    .description('end all logins of a user and allow no other; tunnels stay (tunnel suspend stops them)')
    .requiredOption('--reason <text>', 'for the user and whoever looks at it later: one line of 1 to 200 characters')
    .action(async (of: string, options: ChangeOptions & { readonly reason: string }) => {
      const { people } = await session.client();
      await change(session, options, {
        send: () => people.suspendUser({ change: changeOf(options), user: of, reason: options.reason }),
        show: (answer) => session.done(answer, `user ${of} suspended`),
      });
    });
  withAccountOptions(
    user
      .command('role')
      .argument(...ref)
      .argument('<role>', roles.slice(1).join(', '), numbered(roles)),
  )
    .description('set what a user may do')
    .option('--pop <pop>', 'of a regional admin; may be repeated', several, [])
    .action(async (of: string, role: UserRole, options: ChangeOptions & { readonly pop: readonly string[] }) => {
      const { people } = await session.client();
      await change(session, options, {
        send: () => people.setUserRole({ change: changeOf(options), user: of, role, popIds: [...options.pop] }),
        show: (answer) => session.done(answer, `user ${of} is ${roles[role] ?? ''}`),
      });
    });
}
