// Account pages: one's password and logins.

import { timestampDate } from '@bufbuild/protobuf/wkt';
import type { Login } from '#internal/gen/pop44/v1/people_pb.ts';
import { action, field, form, problem } from './fields.ts';
import { html, type Part } from './html.ts';
import { meOf } from './me.ts';
import { moment } from './show.ts';
import { type Column, table } from './table.ts';
import { type Answer, get, own, type Page, post, type Route, type Visit } from './visit.ts';
import { type Trouble, troubleOf } from './words.ts';

const said: Readonly<Record<string, string>> = {
  password: 'Your password is changed. All other logins have ended.',
  revoked: 'That login has ended.',
  others: 'All other logins have ended.',
};

const loginColumns: readonly Column[] = [
  { label: 'Program', kind: 'name' },
  { label: 'From', kind: 'mono' },
  { label: 'Since' },
  { label: 'Action', kind: 'action' },
];

function loginRow(visit: Visit, { id, label, source, createdAt, current }: Login): readonly Part[] {
  const end = current
    ? html`<span class="soft">this browser</span>`
    : action({ action: '/account/logins/end', token: visit.token, label: 'End', values: { id } });
  const since = createdAt === undefined ? '' : moment(timestampDate(createdAt));
  return [label === '' ? 'Unnamed' : label, source === '' ? 'this server' : source, since, end];
}

async function accountPage(visit: Visit, trouble?: Trouble): Promise<Page> {
  const [{ user }, { logins }] = await Promise.all([
    visit.client.people.whoAmI({}, visit.call),
    visit.client.people.listLogins({}, visit.call),
  ]);
  const me = await meOf(visit);
  const note = said[visit.query.get('said') ?? ''];
  const newest = [...logins].reverse();
  return {
    title: 'Account',
    me,
    body: html`<div class="head"><h1>Account</h1></div>
${note === undefined ? undefined : html`<p class="notice good" role="status">${note}</p>`}
<div class="cards"><section class="card"><h2>${me.callsign}</h2><dl><dt>E-mail</dt><dd>${user?.email}</dd><dt>Since</dt><dd>${user?.createdAt === undefined ? '' : moment(timestampDate(user.createdAt))}</dd></dl></section>
<section class="card"><h2>Change password</h2>
${problem(trouble, ['old_password', 'password', 'new_password'])}
${form(
  { action: '/account/password', token: visit.token },
  html`<input type="hidden" autocomplete="username" name="username" value="${me.callsign}">
${field({ name: 'old_password', label: 'Current password', type: 'password', autocomplete: 'current-password', maxlength: 1024, required: true }, trouble?.field === 'password' ? { ...trouble, field: 'old_password', text: 'That is not your current password.' } : trouble)}
${field({ name: 'new_password', label: 'New password', type: 'password', autocomplete: 'new-password', maxlength: 1024, required: true, hint: '15 characters or more, of any kind.' }, trouble)}
<button>Change it</button>`,
)}</section></div>
<section class="card"><div class="head"><h2>Logins</h2>${
      logins.length > 1
        ? action({
            action: '/account/logins/end',
            token: visit.token,
            label: 'End all others',
            values: { id: 'others' },
          })
        : undefined
    }</div>
${table(
  { label: 'Logins', columns: loginColumns },
  newest.map((login) => loginRow(visit, login)),
)}
<p class="command">At a command line: <code>pop44 login list</code></p></section>
<section class="card"><h2>Tokens</h2><p>For scripts, in place of a login.</p><p><a class="button quiet" href="/tokens">Your tokens</a></p></section>`,
  };
}

async function changePassword(visit: Visit): Promise<Answer> {
  const request = {
    oldPassword: visit.form.get('old_password') ?? '',
    newPassword: visit.form.get('new_password') ?? '',
  };
  try {
    await visit.client.people.changePassword(request, visit.call);
    return { to: '/account?said=password' };
  } catch (thrown) {
    const trouble = troubleOf(thrown);
    if (trouble === undefined || trouble.loggedOut === true) throw thrown;
    return { page: await accountPage(visit, trouble), status: trouble.status };
  }
}

async function endLogins(visit: Visit): Promise<Answer> {
  const id = visit.form.get('id') ?? '';
  if (id !== 'others') {
    await visit.client.people.revokeLogin({ id: id === '' ? 'none' : id }, visit.call);
    return { to: '/account?said=revoked' };
  }
  const { logins } = await visit.client.people.listLogins({}, visit.call);
  for (const login of logins) if (!login.current) await visit.client.people.revokeLogin({ id: login.id }, visit.call);
  return { to: '/account?said=others' };
}

export function accountRoutes(): readonly Route[] {
  return [
    own(get('/account', async (visit) => ({ page: await accountPage(visit) }))),
    own(post('/account/password', changePassword)),
    own(post('/account/logins/end', endLogins)),
  ];
}
