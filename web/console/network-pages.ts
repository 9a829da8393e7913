// Network pages: the overview and the list of nodes.

import { create } from '@bufbuild/protobuf';
import { FollowNetworkSchema } from '#internal/gen/pop44/v1/live_pb.ts';
import { html, type Html, nothing } from '../html.ts';
import type { Look } from '../live.ts';
import { meOf } from '../me.ts';
import { type Column, table } from '../table.ts';
import { get, type Page, type Route, type Visit } from '../visit.ts';
import { type Cells, shown, told } from './cells.ts';
import { cellsOf, idOf, type Network, readNetwork } from './network.ts';
import { linkTable, topology } from './topology.ts';

/** For the pages that are open: they all show the same. */
export const networkLook: Look = () => ({
  about: { case: 'network', value: create(FollowNetworkSchema) },
  show(answer) {
    const { status, mesh, pops, interconnects } = answer.case === 'network' ? answer.value : {};
    if (status === undefined || mesh === undefined) return [];
    return told(cellsOf({ status, mesh, pops: pops ?? [], interconnects: interconnects ?? [] }));
  },
});

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

const columns: readonly Column[] = [
  { label: 'Node', kind: 'name' },
  { label: 'PoP' },
  ...nodeColumns.map(([label, key]): Column => (key === 'health' ? { label, kind: 'corner' } : { label })),
];

async function nodes(visit: Visit): Promise<Page> {
  const [me, network] = await Promise.all([meOf(visit), readNetwork(visit.client, visit.call)]);
  const cells = cellsOf(network);
  const rows = network.mesh.nodes.map((node) => {
    const id = idOf(node);
    const figures = nodeColumns.map(([, key, base]) => shown(cells, `node/${id}/${key}`, base));
    return [html`<a href="/nodes/${id}">${id}</a>`, node.state?.node?.popId, ...figures];
  });
  return {
    title: 'Nodes',
    me,
    scripts: ['console'],
    body: html`<h1>Nodes</h1><p class="notice warn" id="away" role="status" hidden></p>
<div class="card">${table({ label: 'Nodes', columns }, rows)}
<p class="command">At a command line: <code>pop44 node list</code></p></div>`,
  };
}

export const networkRoutes: readonly Route[] = [
  get('/', async (visit) => ({ page: await overview(visit) })),
  get('/nodes', async (visit) => ({ page: await nodes(visit) })),
];
