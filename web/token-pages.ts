// Token pages: what one's scripts call with: made, shown once, listed and ended, on both sites alike.

import { hash } from 'node:crypto';
import { timestampDate } from '@bufbuild/protobuf/wkt';
import type { ApiToken } from '#internal/gen/pop44/v1/people_pb.ts';
import { action, checkbox, field, form, problem } from './fields.ts';
import { attributes, html, type Html, nothing, type Part } from './html.ts';
import { meOf } from './me.ts';
import { moment } from './show.ts';
import { type Column, table } from './table.ts';
import { type Answer, get, type Me, own, type Page, post, type Route, type Visit } from './visit.ts';
import { type Trouble, troubleOf } from './words.ts';

const scopes = [
  { value: 'read', label: 'Read', hint: 'Looks at what you may look at.' },
  { value: 'tunnels', label: 'Tunnels', hint: 'Makes and changes tunnels and addresses of yours.' },
  { value: 'manage', label: 'Manage', hint: 'What else your role may change.' },
] as const;
/** A user has no more to manage than its tunnels; an auditor changes nothing. */
const mostScopes: Readonly<Record<Me['role'], number>> = {
  auditor: 1,
  user: 2,
  'regional-admin': 3,
  'global-admin': 3,
};

/** Days; people.proto: 1 to 366. */
const lives = ['7', '30', '90', '366'] as const;
const usualLife = '90';

const given = (visit: Visit, name: string): string => (visit.form.get(name) ?? '').trim();

const columns: readonly Column[] = [
  { label: 'Name', kind: 'name' },
  { label: 'May' },
  { label: 'Since' },
  { label: 'Until' },
  { label: 'Action', kind: 'action' },
];

function tokenRow(visit: Visit, { id, name, scopes: granted, createdAt, expiresAt }: ApiToken): readonly Part[] {
  const at = (time: typeof createdAt): Html | string => (time === undefined ? '' : moment(timestampDate(time)));
  const end = action({ action: '/tokens/end', token: visit.token, label: `End ${name}`, values: { id } });
  return [name, granted.join(', '), at(createdAt), at(expiresAt), end];
}

function newToken(visit: Visit, me: Me, trouble: Trouble | undefined): Html {
  const ticks = scopes
    .slice(0, mostScopes[me.role])
    .map(({ value, label, hint }) =>
      checkbox({ name: `scope_${value}`, label, hint, checked: given(visit, `scope_${value}`) === 'yes' }),
    );
  const chosen = given(visit, 'days') || usualLife;
  const options = lives.map(
    (days) => html`<option${attributes({ value: days, selected: days === chosen })}>${days} days</option>`,
  );
  const scopeProblem =
    trouble?.field === 'scopes' ? html`<p class="problem" role="alert">${trouble.text}</p>` : nothing;
  return form(
    { action: '/tokens', token: visit.token },
    html`${field({ name: 'name', label: 'Name', hint: 'Of the script: a to z, digits and -.', value: given(visit, 'name'), maxlength: 63, autocapitalize: 'none', autocomplete: 'off', spellcheck: 'false', required: true }, trouble)}
<fieldset class="choices"><legend>It may</legend>${ticks}${scopeProblem}</fieldset>
<div class="field"><label for="days">For</label><select id="days" name="days">${options}</select></div>
<button>Make a token</button>`,
  );
}

interface Made {
  readonly name: string;
  readonly bearer: string;
}

/** Where it is now is the only place where it is. */
const madeNotice = ({ name, bearer }: Made): Html =>
  html`<section class="card" id="made" tabindex="-1"><h2>${name}</h2><p class="notice warn">This is the token. Copy it now: nobody can show it to you again.</p><pre tabindex="0">${bearer}</pre><p class="soft">Put it into a file for you alone to read, and name the file to pop44 by POP44_TOKEN_FILE.</p></section>`;

async function tokensPage(visit: Visit, { trouble, made }: { trouble?: Trouble; made?: Made } = {}): Promise<Page> {
  const [me, { tokens }] = await Promise.all([meOf(visit), visit.client.people.listTokens({}, visit.call)]);
  const rows = tokens.map((token) => tokenRow(visit, token));
  return {
    title: 'Tokens',
    me,
    body: html`<h1>Tokens</h1><p class="lead">For scripts, in place of a login. Each does no more than it is made for, and you end it whenever you like.</p>
${visit.query.get('said') === 'ended' ? html`<p class="notice good" role="status">That token has ended, everywhere.</p>` : nothing}
${problem(trouble, ['name', 'scopes'])}
${made === undefined ? nothing : madeNotice(made)}
<section class="card"><h2>Yours</h2>${tokens.length === 0 ? html`<p class="soft">There is none.</p>` : table({ label: 'Tokens', columns }, rows)}<p class="command">At a command line: <code>pop44 token list</code>, <code>pop44 token revoke NAME</code></p></section>
<section class="card"><h2>A new one</h2>${newToken(visit, me, trouble)}<p class="command">At a command line: <code>pop44 token create NAME --scope read</code></p></section>`,
  };
}

/** @param newSecret 32 random bytes: the daemon is told their hash */
const create = async (visit: Visit, newSecret: () => Buffer): Promise<Answer> => {
  const secret = newSecret();
  const name = given(visit, 'name');
  const wanted = scopes.map(({ value }) => value).filter((value) => given(visit, `scope_${value}`) === 'yes');
  const days = given(visit, 'days');
  const validDays = days === '' ? usualLife : lives.find((each) => each === days);
  if (validDays === undefined) {
    const trouble = { status: 422, field: 'days', text: 'A token is good for 7, 30, 90 or 366 days.' };
    return { page: await tokensPage(visit, { trouble }), status: trouble.status };
  }
  try {
    await visit.client.people.createToken(
      { name, scopes: wanted, secretHash: hash('sha256', secret, 'buffer'), validDays: Number(validDays) },
      visit.call,
    );
    visit.form.delete('name');
    return { page: await tokensPage(visit, { made: { name, bearer: `pop44_${secret.toString('base64url')}` } }) };
  } catch (thrown) {
    const trouble = troubleOf(thrown);
    if (trouble === undefined || trouble.loggedOut === true) throw thrown;
    return { page: await tokensPage(visit, { trouble }), status: trouble.status };
  }
};

async function end(visit: Visit): Promise<Answer> {
  await visit.client.people.revokeToken({ token: given(visit, 'id') }, visit.call);
  return { to: '/tokens?said=ended' };
}

export function tokenRoutes({ newSecret }: { readonly newSecret: () => Buffer }): readonly Route[] {
  return [
    own(get('/tokens', async (visit) => ({ page: await tokensPage(visit) }))),
    own(post('/tokens', (visit) => create(visit, newSecret))),
    own(post('/tokens/end', end)),
  ];
}
