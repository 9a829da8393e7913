// Tunnel pages: one's tunnels, a new one, and one tunnel with everything that can be done with it.

import { hash, randomBytes } from 'node:crypto';
import type { Tunnel } from '#internal/gen/pop44/v1/tunnels_pb.ts';
import { choices, field, form, problem } from './fields.ts';
import { filePanel } from './file-panel.ts';
import { html, type Html, nothing } from './html.ts';
import { meOf } from './me.ts';
import { placeField } from './places.ts';
import { probeRoute } from './probe-page.ts';
import { firewallChoices, firewallLabel } from './show.ts';
import { tunnelChanges } from './tunnel-changes.ts';
import { tunnelPage } from './tunnel-page.ts';
import { allTunnels } from './tunnel-list.ts';
import { colour, stateOf } from './tunnel-state.ts';
import { type Answer, get, own, type Page, post, type Route, type Visit } from './visit.ts';
import { type Trouble, troubleOf } from './words.ts';

const said: Readonly<Record<string, string>> = {
  deleted: 'The tunnel is deleted. Its addresses are kept for you for a while.',
};

/** Of the list; whether each is up at this moment would cost a question to every node for each: its own page tells. */
function row(tunnel: Tunnel, now: Date): Html {
  const { word, label } = stateOf(tunnel, 'not asked', now);
  return html`<li class="tunnel" data-id="${tunnel.id}"><h2><a href="/tunnels/${tunnel.id}">${tunnel.name}</a></h2>
<div class="mono">${tunnel.prefixes.map((prefix) => html`<div>${prefix.replace(/\/32$/, '')}</div>`)}</div>
<div><span class="${`state ${colour(word)}`}" data-live="label">${label}</span><br><small>${firewallLabel(tunnel.firewall?.presets ?? [], tunnel.firewall?.rules.length ?? 0)}</small></div></li>`;
}

const empty = html`<div class="card empty"><h2>No tunnel yet</h2><p class="soft">A tunnel gives one device its own public address. It takes a minute: choose a name, and import one file in the WireGuard app.</p><p><a class="button" href="/tunnels/new">Create your first tunnel</a></p></div>`;

async function listPage(visit: Visit): Promise<Page> {
  const me = await meOf(visit);
  const tunnels = await allTunnels(visit.client, visit.call, me.owner);
  const mine = tunnels.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const note = said[visit.query.get('said') ?? ''];
  const now = new Date();
  return {
    title: 'Tunnels',
    me,
    scripts: ['live'],
    body: html`<div class="head"><h1>Tunnels</h1>${mine.length === 0 ? nothing : html`<a class="button" href="/tunnels/new">New tunnel</a>`}</div>
${note === undefined ? nothing : html`<p class="notice good" role="status">${note}</p>`}
<p class="notice warn" id="away" role="status" hidden></p>
${mine.length === 0 ? empty : html`<ul class="tunnels">${mine.map((tunnel) => row(tunnel, now))}</ul>`}`,
  };
}

async function newPage(visit: Visit, trouble?: Trouble): Promise<Page> {
  const [me, place] = await Promise.all([meOf(visit), placeField(visit)]);
  const given = (name: string, otherwise = ''): string => visit.form.get(name) ?? otherwise;
  const key = field(
    {
      ...{ name: 'public_key', label: 'Public key of the device', value: given('public_key'), maxlength: 44 },
      ...{ spellcheck: 'false' as const, autocapitalize: 'none', required: true },
      hint: 'Without scripts your browser makes no key. Make one on the device: wg genkey | tee private | wg pubkey',
    },
    trouble,
  );
  return {
    title: 'New tunnel',
    me,
    scripts: ['tunnel'],
    body: html`<p class="crumb"><a href="/tunnels">Tunnels</a></p><h1>New tunnel</h1>
<div class="middle" id="new-tunnel">
${problem(trouble, ['name', 'public_key', 'presets'])}
<div class="card">${form(
      { action: '/tunnels', token: visit.token, id: 'create' },
      html`<input type="hidden" name="nonce" value="${given('nonce') || randomBytes(16).toString('base64url')}">${field({ name: 'name', label: 'Name', value: given('name'), hint: 'For you: repeater, shack, phone. Letters a to z, digits and -.', maxlength: 63, autocapitalize: 'none', spellcheck: 'false', autocomplete: 'off', required: true, first: true }, trouble)}
${place}
${choices({ name: 'presets', legend: 'What may come in', all: firewallChoices, chosen: given('presets', 'ping') }, trouble)}
${trouble?.field === 'public_key' ? key : html`<noscript>${key}</noscript>`}
<button>Create the tunnel</button><p class="problem" id="create-problem" role="alert"></p>`,
    )}</div></div>
${filePanel('')}`,
  };
}

async function create(visit: Visit): Promise<Answer> {
  const given = (name: string): string => (visit.form.get(name) ?? '').trim();
  const [name, publicKey] = [given('name'), given('public_key')];
  const presets = given('presets') === '' ? ['ping'] : given('presets').split(',');
  // The same form sent twice is the same request; another form, or one that was changed meanwhile, is another.
  const sent = JSON.stringify([given('nonce'), publicKey, name, given('pop'), presets]);
  const requestId = `web-${hash('sha256', sent, 'hex').slice(0, 40)}`;
  try {
    const { tunnel } = await visit.client.tunnels.createTunnel(
      { change: { requestId }, name, publicKey, homePopId: given('pop'), firewall: { presets } },
      visit.call,
    );
    const { id = '', popIds = [], prefixes = [] } = tunnel ?? {};
    return visit.wantsJson ? { json: { id, name, pops: popIds, prefixes } } : { to: `/tunnels/${id}` };
  } catch (thrown) {
    const trouble = troubleOf(thrown);
    if (trouble === undefined || trouble.loggedOut === true) throw thrown;
    if (visit.wantsJson) return { json: { problem: trouble }, status: trouble.status };
    return { page: await newPage(visit, trouble), status: trouble.status };
  }
}

async function template(visit: Visit): Promise<Answer> {
  const request = { tunnel: visit.params['id'] ?? '', popId: visit.query.get('pop') ?? '' };
  const { $typeName: _, freshness: __, ...rest } = await visit.client.tunnels.getTunnelTemplate(request, visit.call);
  return { json: rest };
}

export function tunnelRoutes(): readonly Route[] {
  const routes = [
    get('/tunnels', async (visit) => ({ page: await listPage(visit) })),
    get('/tunnels/new', async (visit) => ({ page: await newPage(visit) })),
    post('/tunnels', create),
    get('/tunnels/:id', async (visit) => ({ page: await tunnelPage(visit) })),
    get('/tunnels/:id/template', template),
    probeRoute,
    ...tunnelChanges,
  ];
  return routes.map(own);
}
