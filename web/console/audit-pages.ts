// Audit pages: who has changed what, the newest first.

import { timestampDate } from '@bufbuild/protobuf/wkt';
import { attributes, html, nothing } from '../html.ts';
import { meOf } from '../me.ts';
import { moment } from '../show.ts';
import { get, type Page, type Route, type Visit } from '../visit.ts';

/** `/pop44.v1.TunnelService/CreateTunnel` */
const verb = (method: string): string => method.slice(method.lastIndexOf('/') + 1);

async function list(visit: Visit): Promise<Page> {
  const given = (name: string): string => (visit.query.get(name) ?? '').trim().slice(0, 200);
  const [by, object, pageToken] = [given('by'), given('object'), given('from')];
  const [me, { lines, nextPageToken }] = await Promise.all([
    meOf(visit),
    visit.client.audit.listAudit({ pageSize: 100, pageToken, by, object }, visit.call),
  ]);
  const rows = lines.map(
    ({ at, principal, method, changes, refused, count, nodeId, source }) =>
      html`<tr><td>${at === undefined ? '' : moment(timestampDate(at))}</td><th scope="row">${principal}</th><td>${verb(method)}${refused === '' ? nothing : html`<br><span class="state bad">refused: ${refused}${count > 1 ? ` (${count} times)` : ''}</span>`}</td><td class="mono">${changes.map((change) => html`<div>${change}</div>`)}</td><td class="mono">${source}</td><td>${nodeId}</td></tr>`,
  );
  const search = new URLSearchParams({ ...(by === '' ? {} : { by }), ...(object === '' ? {} : { object }) });
  return {
    title: 'Audit',
    me,
    body: html`<h1>Audit</h1><form class="search" role="search" action="/audit"><label class="unseen" for="by">By whom</label><input id="by" name="by" type="search"${attributes({ value: by })} placeholder="By: callsign, admin/NAME" autocomplete="off" spellcheck="false"><label class="unseen" for="object">What</label><input id="object" name="object" type="search"${attributes({ value: object })} placeholder="What: tunnel/ab12" autocomplete="off" spellcheck="false"><button class="quiet">Show</button></form>
<div class="card">${rows.length === 0 ? html`<p class="soft">Nothing was changed, as far as this asks.</p>` : html`<div class="scroll" tabindex="0" role="region" aria-label="Changes"><table><thead><tr><th scope="col">When</th><th scope="col">Who</th><th scope="col">What</th><th scope="col">Records</th><th scope="col">From</th><th scope="col">By node</th></tr></thead><tbody>${rows}</tbody></table></div>`}
${nextPageToken === '' ? nothing : html`<p class="pager"><a href="/audit?${`${search.toString()}&from=${encodeURIComponent(nextPageToken)}`}">Older</a></p>`}
<p class="command">At a command line: <code>pop44 audit list</code></p></div>`,
  };
}

export const auditRoutes: readonly Route[] = [get('/audit', async (visit) => ({ page: await list(visit) }))];
