// Tunnel pages of the console: all tunnels with a search as one types, and one of them.

import { timestampDate } from '@bufbuild/protobuf/wkt';
import { action, field, form, problem } from '../fields.ts';
import { attributes, html, type Html, nothing, type Part } from '../html.ts';
import { meOf } from '../me.ts';
import { firewallLabel, moment } from '../show.ts';
import { type Column, table } from '../table.ts';
import { colour, stateOf, usageOf } from '../tunnel-state.ts';
import { type Answer, get, type Page, post, type Route, type Visit } from '../visit.ts';
import { type Trouble, troubleOf } from '../words.ts';
import type { Found, Row, Search } from './search.ts';

const states = {
  seen: ['Has connected', ''],
  waiting: ['Not seen yet', ''],
  off: ['Switched off', ''],
  stopped: ['Stopped', 'bad'],
} as const;

const bare = (prefix: string): string => prefix.replace(/\/32$/, '');

const columns: readonly Column[] = [
  { label: 'Name', kind: 'name' },
  { label: 'Owner' },
  { label: 'Addresses', kind: 'mono' },
  { label: 'Home' },
  { label: 'At' },
  { label: 'State', kind: 'corner' },
];

const row = ({ id, name, owner, prefixes, pop, at, state }: Row): readonly Part[] => [
  html`<a href="/tunnels/${id}">${name}</a>`,
  ...[owner, prefixes.map(bare).join(' '), pop, at],
  html`<span class="${`state ${states[state][1]}`}">${states[state][0]}</span>`,
];

const queryOf = ({ query }: Visit): { readonly q: string; readonly page: number } => ({
  q: (query.get('q') ?? '').slice(0, 200),
  page: Math.trunc(Number(query.get('page') ?? 1)) || 1,
});

const count = ({ matches, all }: Found): string =>
  matches === all ? `${all} tunnels` : `${matches} of ${all} tunnels`;

const pageLink = (q: string, page: number, label: string, isOpen: boolean): Html =>
  isOpen
    ? html`<a href="/tunnels?${new URLSearchParams({ ...(q === '' ? {} : { q }), page: String(page) }).toString()}">${label}</a>`
    : nothing;

async function list(visit: Visit, search: Search): Promise<Page> {
  const { q, page } = queryOf(visit);
  const [me, found] = await Promise.all([meOf(visit), search.find(visit, q, page)]);
  const empty = html`<div class="card empty"><h2>No tunnel yet</h2><p class="soft">They appear here when users make them.</p></div>`;
  const listed = html`<form class="search" role="search" action="/tunnels" id="search"><label class="unseen" for="q">Search</label><input id="q" name="q" type="search"${attributes({ value: q })} placeholder="Name, callsign, address, PoP, key" autocomplete="off" spellcheck="false" maxlength="200"><button class="quiet">Search</button></form>
<div class="card">${table({ label: 'Tunnels', columns, id: 'rows' }, found.rows.map(row))}
<div class="pager"><span id="count" role="status">${count(found)}</span><span id="pages">${pageLink(q, found.page - 1, 'Previous', found.page > 1)} ${found.pages > 1 ? `Page ${found.page} of ${found.pages}` : nothing} ${pageLink(q, found.page + 1, 'Next', found.page < found.pages)}</span></div>
<p class="command">At a command line: <code>pop44 tunnel list</code></p></div>`;
  return {
    title: 'Tunnels',
    me,
    scripts: ['console'],
    body: html`<h1>Tunnels</h1><p class="notice warn" id="away" role="status" hidden></p>${found.all === 0 ? empty : listed}`,
  };
}

async function rows(visit: Visit, search: Search): Promise<Answer> {
  const { q, page } = queryOf(visit);
  const found = await search.find(visit, q, page);
  const cells = found.rows.map(({ id, name, owner, prefixes, pop, at, state }) => ({
    ...{ id, name, owner, addresses: prefixes.map(bare).join(' '), pop, at },
    ...{ label: states[state][0], colour: states[state][1] },
  }));
  return { json: { rows: cells, count: count(found), page: found.page, pages: found.pages } };
}

async function one(visit: Visit, trouble?: Trouble): Promise<Answer> {
  const { client, call, token } = visit;
  const ref = { tunnel: visit.params['id'] ?? '' };
  const [me, { tunnel }, usage] = await Promise.all([
    meOf(visit),
    client.tunnels.getTunnel(ref, call),
    usageOf(client, call, ref.tunnel),
  ]);
  if (tunnel === undefined) return { to: '/tunnels' };
  const { id, name, suspension } = tunnel;
  const state = stateOf(tunnel, usage, new Date());
  const change = html`<div class="cards">${
    suspension === undefined
      ? html`<section class="card"><h2>Stop it</h2><p class="soft">For abuse: it carries nothing until it is let go on.</p>${form({ action: `/tunnels/${id}/suspend`, token }, html`${field({ name: 'reason', label: 'Reason', hint: 'Its owner reads it.', maxlength: 200, required: true, value: visit.form.get('reason') ?? '' }, trouble)}<button class="danger">Stop the tunnel</button>`)}<p class="command">At a command line: <code>pop44 tunnel suspend ${id} --reason …</code></p></section>`
      : html`<section class="card"><h2>Stopped</h2><p>${suspension.reason}</p>${action({ action: `/tunnels/${id}/unsuspend`, token, label: 'Let it go on' })}<p class="command">At a command line: <code>pop44 tunnel unsuspend ${id}</code></p></section>`
  }<section class="card"><h2>Delete</h2>${form({ action: `/tunnels/${id}/delete`, token }, html`<input type="hidden" name="etag" value="${tunnel.etag}">${field({ name: 'confirm', label: `Type ${name} to delete it`, autocapitalize: 'none', autocomplete: 'off', spellcheck: 'false', required: true }, trouble)}<button class="danger">Delete the tunnel</button>`)}<p class="command">At a command line: <code>pop44 tunnel delete ${id}</code></p></section></div>`;
  const body = html`<p class="crumb"><a href="/tunnels">Tunnels</a></p><h1>${name}</h1>${problem(trouble, ['reason', 'confirm'])}
<section class="card"><dl><dt>State</dt><dd><span class="${`state ${colour(state.word)}`}">${state.label}</span></dd><dt>Owner</dt><dd>${tunnel.owner.startsWith('user/') && me.role !== 'regional-admin' ? html`<a href="/users/${tunnel.owner.slice('user/'.length)}">${tunnel.owner}</a>` : tunnel.owner}</dd><dt>Addresses</dt><dd class="mono">${tunnel.prefixes.map(bare).join(' ')}</dd><dt>PoPs</dt><dd>${tunnel.popIds.join(', ')}</dd><dt>Connected at</dt><dd>${state.at === '' ? 'no node' : state.at}</dd><dt>Moves</dt><dd>${tunnel.moves}</dd><dt>Sent, received</dt><dd>${state.sent}, ${state.received}</dd><dt>May come in</dt><dd>${firewallLabel(tunnel.firewall?.presets ?? [], tunnel.firewall?.rules.length ?? 0)}</dd><dt>Key</dt><dd class="mono">${tunnel.publicKey}</dd>${tunnel.createdAt === undefined ? nothing : html`<dt>Created</dt><dd>${moment(timestampDate(tunnel.createdAt))}</dd>`}</dl><p class="command">At a command line: <code>pop44 tunnel get ${id}</code></p></section>
${me.role === 'auditor' ? nothing : change}`;
  return { page: { title: name, me, body }, status: trouble?.status ?? 200 };
}

const given = (visit: Visit, name: string): string => (visit.form.get(name) ?? '').trim();

export function consoleTunnelRoutes(search: Search): readonly Route[] {
  const change = (path: string, to: (id: string) => string, make: (visit: Visit) => Promise<unknown>): Route =>
    post(`/tunnels/:id/${path}`, async (visit): Promise<Answer> => {
      try {
        await make(visit);
      } catch (thrown) {
        const trouble = troubleOf(thrown);
        if (trouble === undefined || trouble.loggedOut === true || trouble.status === 404) throw thrown;
        return one(visit, trouble);
      }
      search.forget(visit.bearer);
      return { to: to(visit.params['id'] ?? '') };
    });
  const ref = (visit: Visit): { readonly tunnel: string } => ({ tunnel: visit.params['id'] ?? '' });
  return [
    get('/tunnels', async (visit) => ({ page: await list(visit, search) })),
    get('/tunnels/rows', (visit) => rows(visit, search)),
    get('/tunnels/:id', (visit) => one(visit)),
    change(
      'suspend',
      (id) => `/tunnels/${id}`,
      (visit) => visit.client.desk.suspendTunnel({ ...ref(visit), reason: given(visit, 'reason') }, visit.call),
    ),
    change(
      'unsuspend',
      (id) => `/tunnels/${id}`,
      (visit) => visit.client.desk.unsuspendTunnel(ref(visit), visit.call),
    ),
    post('/tunnels/:id/delete', async (visit): Promise<Answer> => {
      const { tunnel } = await visit.client.tunnels.getTunnel(ref(visit), visit.call);
      if (given(visit, 'confirm') !== tunnel?.name)
        return one(visit, {
          status: 422,
          field: 'confirm',
          text: `That is not its name. Type ${tunnel?.name ?? 'it'}, and nothing else.`,
        });
      await visit.client.tunnels.deleteTunnel({ change: { etag: given(visit, 'etag') }, ...ref(visit) }, visit.call);
      search.forget(visit.bearer);
      return { to: '/tunnels' };
    }),
  ];
}
