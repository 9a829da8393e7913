// Pool pages: what there is to give, how full it is, and who gives it.

import { timestampDate } from '@bufbuild/protobuf/wkt';
import type { Allocation } from '#internal/gen/pop44/v1/allocations_pb.ts';
import type { Pool } from '#internal/gen/pop44/v1/pools_pb.ts';
import { contains, type Prefix, parsePrefix } from '#internal/netip/netip.ts';
import { attributes, html, type Html, nothing } from '../html.ts';
import { meOf } from '../me.ts';
import { moment, percent } from '../show.ts';
import { type Column, table } from '../table.ts';
import { type Answer, get, type Page, type Route, type Visit } from '../visit.ts';
import { callsignsOf } from './owners.ts';
import { heldIn, partsOf, poolMap } from './pool-map.ts';

/** Used, waiting in quarantine or reserved, free: as a bar. */
function bar({ space }: Pool): Html {
  const total = Number(space?.total ?? 0n) || 1;
  const used = (Number(space?.used ?? 0n) / total) * 100;
  const waiting = (Number((space?.quarantined ?? 0n) + (space?.reserved ?? 0n)) / total) * 100;
  // What is there is seen, however little of a /32 of IPv6 it is.
  const seen = (part: number): number => (part > 0 ? Math.max(0.6, part) : 0);
  return html`<svg class="bar-use" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true"><rect width="100" height="6" rx="1"/><rect class="used" width="${seen(used)}" height="6" rx="1"/><rect class="waiting" x="${seen(used)}" width="${seen(waiting)}" height="6"/></svg>`;
}

const stateOf = ({ frozen, drainToPoolId }: Pool): Html =>
  drainToPoolId === ''
    ? frozen
      ? html`<span class="state warn">frozen</span>`
      : html`<span class="state up">open</span>`
    : html`<span class="state warn">drains to ${drainToPoolId}</span>`;

const leaderOf = ({ leaderNodeId }: Pool): Html =>
  leaderNodeId === '' ? html`<span class="state warn">none: one by one</span>` : html`${leaderNodeId}`;

const columns: readonly Column[] = [
  { label: 'Prefix', kind: 'name' },
  { label: 'Realm' },
  { label: 'Use' },
  { label: 'Used', kind: 'end' },
  { label: 'Given', kind: 'end' },
  { label: 'Quarantine', kind: 'end' },
  { label: 'Leader' },
  { label: 'State', kind: 'corner' },
];

async function list(visit: Visit): Promise<Page> {
  const [me, { pools }] = await Promise.all([meOf(visit), visit.client.pools.listPools({}, visit.call)]);
  const rows = pools.map((pool) => [
    html`<a class="mono" href="/pools/${pool.id}">${pool.prefix}</a>${pool.description === '' ? nothing : html`<br><small>${pool.description}</small>`}`,
    pool.realmId,
    bar(pool),
    percent(pool.space?.utilisation ?? 0),
    ...[pool.allocations, pool.quarantined],
    ...[leaderOf(pool), stateOf(pool)],
  ]);
  const empty = html`<div class="card empty"><h2>No pool yet</h2><p class="soft">Tunnels get their addresses from pools. Make one at a command line:</p><pre tabindex="0">pop44 pool create 44.31.0.0/22</pre></div>`;
  return {
    title: 'Pools',
    me,
    body: html`<h1>Pools</h1>${pools.length === 0 ? empty : html`<div class="card">${table({ label: 'Pools', columns }, rows)}<p class="command">At a command line: <code>pop44 pool list</code></p></div>`}`,
  };
}

/** Of a pool, in the order of addresses; a page shows no more. */
const mostAllocations = 20_000;
const rowsOfPage = 200;

async function allocationsOf({ client, call }: Visit, pool: string): Promise<readonly Allocation[]> {
  const found: Allocation[] = [];
  for (let pageToken = ''; ; ) {
    const wanted = { pool, pageSize: 1_000, pageToken, withQuarantined: true };
    const { allocations, nextPageToken } = await client.allocations.listAllocations(wanted, call);
    found.push(...allocations);
    if (nextPageToken === '' || found.length >= mostAllocations) return found;
    pageToken = nextPageToken;
  }
}

function useOf({ tunnelId, delegatedPoolId, quarantinedUntil }: Allocation): Html {
  if (quarantinedUntil !== undefined) return html`in quarantine until ${moment(timestampDate(quarantinedUntil))}`;
  if (delegatedPoolId !== '') return html`<a href="/pools/${delegatedPoolId}">delegated</a>`;
  return tunnelId === '' ? html`held` : html`<a href="/tunnels/${tunnelId}">tunnel</a>`;
}

const heldColumns: readonly Column[] = [
  { label: 'Prefix', kind: 'name' },
  { label: 'Owner' },
  { label: 'Use' },
  { label: 'Home' },
];

/** Who holds what, as a map and as a table of the same. */
async function contents(visit: Visit, { id, prefix }: Pool): Promise<Html> {
  const pool = parsePrefix(prefix);
  if (typeof pool !== 'string') return nothing;
  const given = (visit.query.get('at') ?? '').trim().slice(0, 64);
  const wanted = parsePrefix(given);
  const isPart = typeof wanted === 'string' && contains(pool, wanted);
  const block = isPart ? wanted : pool;
  const [allocations, callsigns] = await Promise.all([allocationsOf(visit, id), callsignsOf(visit.client, visit.call)]);
  const nameOf = (owner: string): string => callsigns.get(owner) ?? owner;
  const pageOf = (of: Prefix): string => (of === pool ? `/pools/${id}` : `/pools/${id}?at=${encodeURIComponent(of)}`);
  const held = heldIn(block, allocations);
  const parts = partsOf(block, held);
  const owner = (name: string): Html =>
    name.startsWith('user/') && callsigns.has(name)
      ? html`<a href="/users/${name.slice('user/'.length)}">${nameOf(name)}</a>`
      : html`${name}`;
  const rows = held
    .slice(0, rowsOfPage)
    .map(({ allocation }) => [
      html`<span class="mono">${allocation.prefix}</span>`,
      owner(allocation.owner),
      useOf(allocation),
      allocation.homePopId,
    ]);
  const cut =
    held.length > rowsOfPage
      ? html`<p class="soft">The first ${rowsOfPage} of ${held.length}. Choose a part of the map.</p>`
      : nothing;
  const isShort = allocations.length >= mostAllocations;
  return html`<section class="card"><h2>Who holds what${block === pool ? nothing : html` in <span class="mono">${block}</span>`}</h2>
${block === pool ? nothing : html`<p class="crumb"><a href="${pageOf(pool)}">The whole pool</a></p>`}
${isShort ? html`<p class="notice">The pool holds more than ${mostAllocations} allocations; this shows the first of them.</p>` : nothing}
${isPart || given === '' ? nothing : html`<p class="notice warn" role="status">${given} is no part of this pool. Give a prefix within ${prefix}, as ${parts[0]?.prefix ?? prefix}.</p>`}
${poolMap(parts, pageOf, nameOf)}
<form class="search" action="/pools/${id}"><label class="unseen" for="at">A part of the pool</label><input id="at" name="at"${attributes({ value: given })} placeholder="A part: ${parts[0]?.prefix ?? prefix}" autocapitalize="none" autocomplete="off" spellcheck="false" maxlength="64" required><button class="quiet">Show</button></form>
${rows.length === 0 ? html`<p class="soft">Nothing is held here.</p>` : table({ label: 'Who holds what', columns: heldColumns }, rows)}${cut}
<p class="command">At a command line: <code>pop44 allocation list --pool ${prefix} --quarantined</code></p></section>`;
}

const unitColumns: readonly Column[] = [
  { label: 'Unit', kind: 'name' },
  { label: 'Slabs', kind: 'end' },
  { label: 'Used', kind: 'end' },
  { label: 'Free', kind: 'end' },
];

async function one(visit: Visit): Promise<Answer> {
  const [me, { pool }] = await Promise.all([
    meOf(visit),
    visit.client.pools.getPool({ pool: visit.params['id'] ?? '' }, visit.call),
  ]);
  if (pool === undefined) return { to: '/pools' };
  const { space } = pool;
  const unit = pool.prefix.includes(':') ? '/64 networks' : 'addresses';
  const units = (space?.units ?? []).map(({ length, slabs, used, free }) => [`/${length}`, slabs, used, free]);
  // A regional admin sees no more of it than what it holds itself.
  const held =
    me.role === 'regional-admin'
      ? html`<p class="soft">Who holds what is for global admins and auditors.</p>`
      : await contents(visit, pool);
  const body = html`<p class="crumb"><a href="/pools">Pools</a></p><h1 class="mono">${pool.prefix}</h1>
<section class="card"><h2>Space</h2>${bar(pool)}<dl class="after"><dt>Used</dt><dd>${space?.used} of ${space?.total} ${unit} (${percent(space?.utilisation ?? 0)})</dd><dt>Quarantine</dt><dd>${space?.quarantined}</dd><dt>Reserved</dt><dd>${space?.reserved}</dd><dt>Slabs</dt><dd>${space?.slabsFree} of ${space?.slabsTotal} free</dd><dt>Largest free block</dt><dd>${space?.largestFreeLength === 0 ? 'none' : `/${space?.largestFreeLength ?? 0}`}</dd><dt>Leader</dt><dd>${leaderOf(pool)}</dd><dt>State</dt><dd>${stateOf(pool)}</dd><dt>Home</dt><dd>${pool.homePopId === '' ? 'that of each tunnel' : pool.homePopId}</dd></dl>
<p class="command">At a command line: <code>pop44 pool get ${pool.prefix}</code></p></section>
${held}
${units.length === 0 ? nothing : html`<section class="card"><h2>By size</h2>${table({ label: 'By size', columns: unitColumns }, units)}</section>`}`;
  return { page: { title: pool.prefix, me, body } };
}

export const poolRoutes: readonly Route[] = [
  get('/pools', async (visit) => ({ page: await list(visit) })),
  get('/pools/:id', one),
];
