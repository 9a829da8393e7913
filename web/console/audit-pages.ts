// Audit pages: who has changed what, the newest first.

import { timestampDate } from '@bufbuild/protobuf/wkt';
import { attributes, html, nothing } from '../html.ts';
import { meOf } from '../me.ts';
import { moment } from '../show.ts';
import { type Column, table } from '../table.ts';
import { get, type Page, type Route, type Visit } from '../visit.ts';

/** `/pop44.v1.TunnelService/CreateTunnel` */
const verb = (method: string): string => method.slice(method.lastIndexOf('/') + 1);

const columns: readonly Column[] = [
  { label: 'When' },
  { label: 'Who', kind: 'name' },
  { label: 'What' },
  { label: 'Records', kind: 'mono' },
  { label: 'From', kind: 'mono' },
  { label: 'By node' },
];

async function list(visit: Visit): Promise<Page> {
  const given = (name: string): string => (visit.query.get(name) ?? '').trim().slice(0, 200);
  const [by, object, pageToken] = [given('by'), given('object'), given('from')];
  const [me, { lines, nextPageToken }] = await Promise.all([
    meOf(visit),
    visit.client.audit.listAudit({ pageSize: 100, pageToken, by, object }, visit.call),
  ]);
  const rows = lines.map(({ at, principal, method, changes, refused, count, nodeId, source }) => [
    at === undefined ? '' : moment(timestampDate(at)),
    principal,
    html`${verb(method)}${refused === '' ? nothing : html`<br><span class="state bad">refused: ${refused}${count > 1 ? ` (${count} times)` : ''}</span>`}`,
    changes.map((change) => html`<div>${change}</div>`),
    source,
    nodeId,
  ]);
  const search = new URLSearchParams({ ...(by === '' ? {} : { by }), ...(object === '' ? {} : { object }) });
  return {
    title: 'Audit',
    me,
    body: html`<h1>Audit</h1><form class="search" role="search" action="/audit"><label class="unseen" for="by">By whom</label><input id="by" name="by" type="search"${attributes({ value: by })} placeholder="By: callsign, admin/NAME" autocomplete="off" spellcheck="false"><label class="unseen" for="object">What</label><input id="object" name="object" type="search"${attributes({ value: object })} placeholder="What: tunnel/ab12" autocomplete="off" spellcheck="false"><button class="quiet">Show</button></form>
<div class="card">${rows.length === 0 ? html`<p class="soft">Nothing was changed, as far as this asks.</p>` : table({ label: 'Changes', columns }, rows)}
${nextPageToken === '' ? nothing : html`<p class="pager"><a href="/audit?${`${search.toString()}&from=${encodeURIComponent(nextPageToken)}`}">Older</a></p>`}
<p class="command">At a command line: <code>pop44 audit list</code></p></div>`,
  };
}

export const auditRoutes: readonly Route[] = [get('/audit', async (visit) => ({ page: await list(visit) }))];
