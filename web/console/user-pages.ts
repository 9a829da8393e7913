// User pages: accounts, who waits to be let in, and what may be done with one.

import { timestampDate } from '@bufbuild/protobuf/wkt';
import { UserRole, UserState } from '#internal/gen/pop44/store/v1/people_pb.ts';
import type { User } from '#internal/gen/pop44/v1/people_pb.ts';
import { action, choices, field, form, problem } from '../fields.ts';
import { attributes, html, type Html, nothing } from '../html.ts';
import { meOf } from '../me.ts';
import { moment } from '../show.ts';
import { type Column, table } from '../table.ts';
import { type Answer, get, type Page, post, type Route, type Visit } from '../visit.ts';
import { type Trouble, troubleOf } from '../words.ts';
import { section } from './section.ts';

const states: ReadonlyMap<UserState, readonly [label: string, colour: string]> = new Map([
  [UserState.PENDING, ['waits', 'warn']],
  [UserState.ACTIVE, ['active', 'up']],
  [UserState.SUSPENDED, ['suspended', 'bad']],
]);

const roleChoices = [
  { value: 'user', label: 'User', hint: 'What is its own.' },
  { value: 'regional-admin', label: 'Regional admin', hint: 'Some PoPs and what hangs on them.' },
  { value: 'auditor', label: 'Auditor', hint: 'Looks at everything, changes nothing.' },
  { value: 'global-admin', label: 'Global admin', hint: 'Everything.' },
] as const;
const roles: Readonly<Record<string, UserRole>> = {
  user: UserRole.USER,
  'regional-admin': UserRole.REGIONAL_ADMIN,
  auditor: UserRole.AUDITOR,
  'global-admin': UserRole.GLOBAL_ADMIN,
};
const roleWord = (role: UserRole): string => Object.entries(roles).find(([, each]) => each === role)?.[0] ?? 'user';
const roleLabel = (role: UserRole): string => roleChoices.find(({ value }) => value === roleWord(role))?.label ?? '';

const stateShown = ({ state }: User): Html => {
  const [label, colour] = states.get(state) ?? ['unknown', ''];
  return html`<span class="${`state ${colour}`}">${label}</span>`;
};
const approve = (visit: Visit, user: User): Html =>
  action({ action: `/users/${user.id}/approve`, token: visit.token, label: `Let ${user.callsign} in`, kind: '' });

const waitingColumns: readonly Column[] = [
  { label: 'Callsign', kind: 'name' },
  { label: 'E-mail' },
  { label: 'Since' },
  { label: 'Action', kind: 'action' },
];
const columns: readonly Column[] = [
  { label: 'Callsign', kind: 'name' },
  { label: 'E-mail' },
  { label: 'Role' },
  { label: 'State', kind: 'corner' },
];
const tokenColumns: readonly Column[] = [
  { label: 'Name', kind: 'name' },
  { label: 'May' },
  { label: 'Action', kind: 'action' },
];
const linkTo = ({ id, callsign }: User): Html => html`<a href="/users/${id}">${callsign}</a>`;

async function list(visit: Visit): Promise<Page> {
  const pageToken = visit.query.get('from') ?? '';
  const [me, pending, page] = await Promise.all([
    meOf(visit),
    visit.client.people.listUsers({ state: UserState.PENDING, pageSize: 100 }, visit.call),
    visit.client.people.listUsers({ pageSize: 100, pageToken }, visit.call),
  ]);
  const q = (visit.query.get('q') ?? '').trim();
  const waiting = pending.users.map((user) => [
    linkTo(user),
    user.email,
    user.createdAt === undefined ? '' : moment(timestampDate(user.createdAt)),
    me.role === 'auditor' ? '' : approve(visit, user),
  ]);
  const rows = page.users.map((user) => [linkTo(user), user.email, roleLabel(user.role), stateShown(user)]);
  return {
    title: 'Users',
    me,
    body: html`<h1>Users</h1>
${waiting.length === 0 ? nothing : html`<section class="card"><h2>Waiting to be let in</h2>${table({ label: 'Waiting', columns: waitingColumns }, waiting)}</section>`}
<section class="card"><h2>All accounts</h2><form class="search" role="search" action="/users/find"><label class="unseen" for="q">Callsign or id</label><input id="q" name="q" type="search"${attributes({ value: q })} placeholder="Callsign" autocomplete="off" spellcheck="false" maxlength="64"><button class="quiet">Find</button></form>
${visit.query.get('none') === 'yes' ? html`<p class="notice warn" role="status">There is no such account: ${q}</p>` : nothing}
${rows.length === 0 ? html`<p class="soft">There is no account yet.</p>` : table({ label: 'Accounts', columns }, rows)}
${page.nextPageToken === '' ? nothing : html`<p class="pager"><a href="/users?from=${encodeURIComponent(page.nextPageToken)}">More</a></p>`}
<p class="command">At a command line: <code>pop44 user list</code></p></section>`,
  };
}

async function find(visit: Visit): Promise<Answer> {
  const q = (visit.query.get('q') ?? '').trim().slice(0, 64);
  if (q === '') return { to: '/users' };
  try {
    const { user } = await visit.client.people.getUser({ user: q }, visit.call);
    return { to: `/users/${user?.id ?? ''}` };
  } catch (thrown) {
    if (troubleOf(thrown)?.status !== 404) throw thrown;
    return { to: `/users?none=yes&q=${encodeURIComponent(q)}` };
  }
}

async function one(visit: Visit, trouble?: Trouble): Promise<Answer> {
  const { token, form: sent } = visit;
  const [me, { user }] = await Promise.all([
    meOf(visit),
    visit.client.people.getUser({ user: visit.params['id'] ?? '' }, visit.call),
  ]);
  if (user === undefined) return { to: '/users' };
  const { id, callsign, state, suspension } = user;
  const isGlobal = me.role === 'global-admin';
  const [{ tunnels }, tokens] = await Promise.all([
    visit.client.tunnels.listTunnels({ owner: user.owner, pageSize: 100 }, visit.call),
    isGlobal ? visit.client.people.listTokens({ user: id }, visit.call).then((answer) => answer.tokens) : [],
  ]);
  const path = (verb: string): string => `/users/${id}/${verb}`;
  const byState =
    state === UserState.PENDING
      ? section(
          'Let it in',
          html`<p class="soft">Look the callsign up before.</p>${approve(visit, user)}`,
          `pop44 user approve ${callsign}`,
        )
      : state === UserState.SUSPENDED
        ? section(
            'Suspended',
            html`<p>${suspension?.reason}</p>${action({ action: path('reinstate'), token, label: 'Reinstate' })}`,
            `pop44 user reinstate ${callsign}`,
          )
        : section(
            'Suspend',
            form(
              { action: path('suspend'), token },
              html`<p class="soft">Ends its logins. Its tunnels go on.</p>${field({ name: 'reason', label: 'Reason', hint: 'The user reads it.', maxlength: 200, required: true, value: sent.get('reason') ?? '' }, trouble)}<button class="danger">Suspend</button>`,
            ),
            `pop44 user suspend ${callsign} --reason …`,
          );
  const tokenRows = tokens.map(({ id: token_, name, scopes }) => [
    name,
    scopes.join(', '),
    action({ action: path('token'), token, label: `End ${name}`, values: { id: token_ } }),
  ]);
  const ofTokens =
    tokenRows.length === 0
      ? nothing
      : section(
          'Tokens',
          table({ label: 'Tokens', columns: tokenColumns }, tokenRows),
          `pop44 token revoke NAME --user ${callsign}`,
        );
  const changes = html`<div class="cards">${byState}${ofTokens}
${section('Role', form({ action: path('role'), token }, html`${choices({ name: 'role', legend: 'It may', all: roleChoices, chosen: sent.get('role') ?? roleWord(user.role) }, trouble)}${field({ name: 'pop_ids', label: 'PoPs of a regional admin', value: sent.get('pop_ids') ?? user.popIds.join(' '), hint: 'With spaces between.', autocapitalize: 'none', autocomplete: 'off', spellcheck: 'false' }, trouble)}<button class="quiet">Change the role</button>`), `pop44 user role ${callsign} ROLE`)}
${section('Delete', form({ action: path('delete'), token }, html`<p class="soft">Wants that it owns nothing any more.</p>${field({ name: 'confirm', label: `Type ${callsign} to delete it`, autocomplete: 'off', spellcheck: 'false', required: true }, trouble)}<button class="danger">Delete the account</button>`), `pop44 user delete ${callsign}`)}</div>`;
  const body = html`<p class="crumb"><a href="/users">Users</a></p><h1>${callsign}</h1>${problem(trouble, ['reason', 'confirm', 'role', 'pop_ids'])}
<section class="card"><dl><dt>State</dt><dd>${stateShown(user)}</dd><dt>E-mail</dt><dd>${user.email}</dd><dt>Role</dt><dd>${roleLabel(user.role)}${user.popIds.length === 0 ? '' : `: ${user.popIds.join(', ')}`}</dd><dt>Id</dt><dd class="mono">${id}</dd><dt>Since</dt><dd>${user.createdAt === undefined ? '' : moment(timestampDate(user.createdAt))}</dd>${user.approvedBy === '' ? nothing : html`<dt>Let in by</dt><dd>${user.approvedBy}</dd>`}<dt>Tunnels</dt><dd>${tunnels.length === 0 ? 'none' : tunnels.map((tunnel, at) => html`${at === 0 ? '' : ', '}<a href="/tunnels/${tunnel.id}">${tunnel.name}</a>`)}</dd></dl></section>
${isGlobal ? changes : nothing}`;
  return { page: { title: callsign, me, body }, status: trouble?.status ?? 200 };
}

const given = (visit: Visit, name: string): string => (visit.form.get(name) ?? '').trim();
const userOf = (visit: Visit): { readonly user: string } => ({ user: visit.params['id'] ?? '' });

const change = (verb: string, make: (visit: Visit) => Promise<unknown>, to = (id: string) => `/users/${id}`): Route =>
  post(`/users/:id/${verb}`, async (visit): Promise<Answer> => {
    try {
      await make(visit);
      return { to: to(visit.params['id'] ?? '') };
    } catch (thrown) {
      const trouble = troubleOf(thrown);
      if (trouble === undefined || trouble.loggedOut === true) throw thrown;
      // What is not there may be what the form names, and not the user.
      if (trouble.status === 404 && trouble.field === 'user') throw thrown;
      return one(visit, trouble.status === 404 ? { ...trouble, status: 422 } : trouble);
    }
  });

export const userRoutes: readonly Route[] = [
  get('/users', async (visit) => ({ page: await list(visit) })),
  get('/users/find', find),
  get('/users/:id', (visit) => one(visit)),
  change('approve', (visit) => visit.client.people.approveUser(userOf(visit), visit.call)),
  change('suspend', (visit) =>
    visit.client.people.suspendUser({ ...userOf(visit), reason: given(visit, 'reason') }, visit.call),
  ),
  change('reinstate', (visit) => visit.client.people.reinstateUser(userOf(visit), visit.call)),
  change('token', (visit) =>
    visit.client.people.revokeToken({ ...userOf(visit), token: given(visit, 'id') }, visit.call),
  ),
  change('role', (visit) => {
    const role = roles[given(visit, 'role')] ?? UserRole.UNSPECIFIED;
    const popIds = given(visit, 'pop_ids')
      .split(/[\s,]+/)
      .filter((id) => id !== '');
    return visit.client.people.setUserRole({ ...userOf(visit), role, popIds }, visit.call);
  }),
  post('/users/:id/delete', async (visit): Promise<Answer> => {
    const { user } = await visit.client.people.getUser(userOf(visit), visit.call);
    if (given(visit, 'confirm').toUpperCase() !== user?.callsign)
      return one(visit, {
        status: 422,
        field: 'confirm',
        text: `That is not its callsign. Type ${user?.callsign ?? 'it'}, and nothing else.`,
      });
    try {
      await visit.client.people.deleteUser(userOf(visit), visit.call);
      return { to: '/users' };
    } catch (thrown) {
      const trouble = troubleOf(thrown);
      if (trouble === undefined || trouble.loggedOut === true) throw thrown;
      return one(visit, trouble);
    }
  }),
];
