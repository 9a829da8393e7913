// Network pages: the overview and the list of nodes.

import type { Client } from '#internal/client/client.ts';
import type { CallOptions } from '#internal/rpc/rpc.ts';
import { html, type Html, nothing } from '../html.ts';
import { meOf } from '../me.ts';
import { get, type Page, type Route, type Visit } from '../visit.ts';
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

/** Of a node: label, figure, class. */
export const nodeColumns = [
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
    return html`<tr><th scope="row"><a href="/nodes/${id}">${id}</a></th><td>${node.state?.node?.popId}</td>${nodeColumns.map(([, key, base]) => html`<td>${shown(cells, `node/${id}/${key}`, base)}</td>`)}</tr>`;
  });
  return {
    title: 'Nodes',
    me,
    scripts: ['console'],
    body: html`<h1>Nodes</h1><p class="notice warn" id="away" role="status" hidden></p>
<div class="card"><div class="scroll" tabindex="0" role="region" aria-label="Nodes"><table><thead><tr><th scope="col">Node</th><th scope="col">PoP</th>${nodeColumns.map(([label]) => html`<th scope="col">${label}</th>`)}</tr></thead><tbody>${rows}</tbody></table></div>
<p class="command">At a command line: <code>pop44 node list</code></p></div>`,
  };
}

export const networkRoutes: readonly Route[] = [
  get('/', async (visit) => ({ page: await overview(visit) })),
  get('/nodes', async (visit) => ({ page: await nodes(visit) })),
];
