// Network pages: the overview and the nodes.

import type { Client } from '#internal/client/client.ts';
import type { CallOptions } from '#internal/rpc/rpc.ts';
import { field, form, problem } from '../fields.ts';
import { html, type Html, nothing } from '../html.ts';
import { meOf } from '../me.ts';
import { type Answer, get, type Me, type Page, post, type Route, type Visit } from '../visit.ts';
import { type Trouble, troubleOf } from '../words.ts';
import { type Cells, shown, told } from './cells.ts';
import { cellsOf, idOf, type Network, readNetwork } from './network.ts';
import { linkTable, topology } from './topology.ts';

/** For the pages that are open. */
export const networkCells = async (client: Client, call: CallOptions): Promise<unknown> =>
  told(cellsOf(await readNetwork(client, call)));

const figure = (label: string, cells: Cells, key: string): Html =>
  html`<div class="card"><div class="soft">${label}</div><div class="figure">${shown(cells, key)}</div></div>`;

function attention({ status, mesh }: Network, cells: Cells): Html {
  const failures = mesh.nodes.map((node) => [idOf(node), cells.get(`node/${idOf(node)}/failure`)?.text ?? ''] as const);
  const lines = [
    ...status.alarms,
    ...failures.filter(([, text]) => text !== '').map(([id, text]) => `${id}: ${text}`),
    ...status.quarantinedKeys.map((key) => `A record cannot be read, and is left out: ${key}`),
  ];
  return lines.length === 0
    ? nothing
    : html`<section class="notice warn"><h2>To be looked at</h2><ul>${lines.map((line) => html`<li>${line}</li>`)}</ul></section>`;
}

async function overview(visit: Visit): Promise<Page> {
  const [me, network] = await Promise.all([meOf(visit), readNetwork(visit.client, visit.call)]);
  const cells = cellsOf(network);
  return {
    title: 'Overview',
    me,
    scripts: ['console'],
    body: html`<h1>Overview</h1><p class="notice warn" id="away" role="status" hidden></p>${attention(network, cells)}
<div class="figures">${figure('Nodes in order', cells, 'network/nodes')}${figure('Tunnels', cells, 'network/tunnels')}${figure('Addresses given', cells, 'network/addresses')}${figure('Revision', cells, 'network/revision')}</div>
<section class="card"><h2>Network</h2>${topology(network, cells)}<details><summary>Links as a table</summary>${linkTable(network, cells)}</details><p class="command">At a command line: <code>pop44 status</code>, <code>pop44 mesh</code></p></section>`,
  };
}

const columns = [
  ['Health', 'health', 'state'],
  ['Applied', 'behind', ''],
  ['Role', 'role', ''],
  ['RTT', 'rtt', ''],
  ['Load', 'load', ''],
  ['Loop lag', 'lag', ''],
  ['Clock', 'clock', ''],
  ['Certificate ends', 'certificate', ''],
] as const;

async function nodes(visit: Visit): Promise<Page> {
  const [me, network] = await Promise.all([meOf(visit), readNetwork(visit.client, visit.call)]);
  const cells = cellsOf(network);
  const rows = network.mesh.nodes.map((node) => {
    const id = idOf(node);
    return html`<tr><th scope="row"><a href="/nodes/${id}">${id}</a></th><td>${node.state?.node?.popId}</td>${columns.map(([, key, base]) => html`<td>${shown(cells, `node/${id}/${key}`, base)}</td>`)}</tr>`;
  });
  return {
    title: 'Nodes',
    me,
    scripts: ['console'],
    body: html`<h1>Nodes</h1><p class="notice warn" id="away" role="status" hidden></p>
<div class="card"><div class="scroll" tabindex="0" role="region" aria-label="Nodes"><table><thead><tr><th scope="col">Node</th><th scope="col">PoP</th>${columns.map(([label]) => html`<th scope="col">${label}</th>`)}</tr></thead><tbody>${rows}</tbody></table></div>
<p class="command">At a command line: <code>pop44 node list</code></p></div>`,
  };
}

/** What may be done with a node now; a method that daemons have not yet has no line here. */
function actionsOf(
  visit: Visit,
  me: Me,
  { state }: Network['mesh']['nodes'][number],
  trouble: Trouble | undefined,
): Html {
  const id = state?.node?.id ?? '';
  if (me.role === 'auditor') return html`<p class="soft">You look, and change nothing.</p>`;
  const confirm = (path: string, title: string, text: string, command: string): Html =>
    html`<section class="card"><h2>${title}</h2><p class="soft">${text}</p>${form(
      { action: `/nodes/${id}/${path}`, token: visit.token },
      html`${field({ name: 'confirm', label: `Type ${id}`, autocapitalize: 'none', autocomplete: 'off', spellcheck: 'false', required: true }, trouble)}<button class="danger">${title}</button>`,
    )}<p class="command">At a command line: <code>${command}</code></p></section>`;
  if (state?.role === 'standby')
    return confirm(
      'takeover',
      'Take over',
      'It becomes the active node of its PoP; the other one stands by.',
      `pop44 node takeover ${id}`,
    );
  if ((state?.held ?? '') !== '')
    return confirm(
      'release',
      'Release the brake',
      `Held: ${state?.held ?? ''}. Only if so much is meant to go.`,
      `pop44 brake release ${id}`,
    );
  return nothing;
}

async function node(visit: Visit, trouble?: Trouble): Promise<Answer> {
  const [me, network] = await Promise.all([meOf(visit), readNetwork(visit.client, visit.call)]);
  const id = visit.params['id'] ?? '';
  const found = network.mesh.nodes.find((each) => idOf(each) === id);
  if (found === undefined)
    return {
      page: { title: 'Not found', me, body: html`<h1>Not found</h1><p class="lead">There is no such node.</p>` },
      status: 404,
    };
  const cells = cellsOf(network);
  const record = found.state?.node;
  const body = html`<p class="crumb"><a href="/nodes">Nodes</a></p><h1>${id}</h1><p class="notice warn" id="away" role="status" hidden></p>${problem(trouble, ['confirm'])}
<div class="cards"><section class="card"><h2>Now</h2><dl>${columns.map(([label, key, base]) => html`<dt>${label}</dt><dd>${shown(cells, `node/${id}/${key}`, base)}</dd>`)}<dt>Failure</dt><dd>${shown(cells, `node/${id}/failure`)}</dd></dl></section>
<section class="card"><h2>Record</h2><dl><dt>PoP</dt><dd>${record?.popId}</dd><dt>ASN</dt><dd>${record?.asn}</dd><dt>Underlay</dt><dd class="mono">${record?.underlay4} ${record?.underlay6}</dd><dt>Loopback</dt><dd class="mono">${record?.loopback4} ${record?.loopback6}</dd><dt>Mesh</dt><dd class="mono">${record?.meshAddress}</dd><dt>Failure domain</dt><dd>${record?.failureDomain}</dd></dl></section>
${actionsOf(visit, me, found, trouble)}</div>`;
  return { page: { title: id, me, scripts: ['console'], body }, status: trouble?.status ?? 200 };
}

const order = (path: string, make: (visit: Visit, id: string) => Promise<unknown>): Route =>
  post(`/nodes/:id/${path}`, async (visit): Promise<Answer> => {
    const id = visit.params['id'] ?? '';
    if ((visit.form.get('confirm') ?? '').trim() !== id)
      return node(visit, {
        status: 422,
        field: 'confirm',
        text: `That is not its name. Type ${id}, and nothing else.`,
      });
    try {
      await make(visit, id);
      return { to: `/nodes/${id}` };
    } catch (thrown) {
      const trouble = troubleOf(thrown);
      if (trouble === undefined || trouble.loggedOut === true) throw thrown;
      return node(visit, trouble);
    }
  });

export const networkRoutes: readonly Route[] = [
  get('/', async (visit) => ({ page: await overview(visit) })),
  get('/nodes', async (visit) => ({ page: await nodes(visit) })),
  get('/nodes/:id', (visit) => node(visit)),
  order('takeover', (visit, id) => visit.client.fabric.takeOver({ node: id }, visit.call)),
  order('release', (visit, id) => visit.client.at(id).status.releaseBrake({ nodeId: id }, visit.call)),
];
