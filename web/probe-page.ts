// Probe page: whether a tunnel is reached from elsewhere, and why not. A form and an answer: nothing of it wants scripts.

import { timestampDate } from '@bufbuild/protobuf/wkt';
import type { Probe, ProbeTunnelResponse } from '#internal/gen/pop44/v1/reach_pb.ts';
import type { Tunnel } from '#internal/gen/pop44/v1/tunnels_pb.ts';
import { field, form, problem } from './fields.ts';
import { html, type Html, nothing } from './html.ts';
import { meOf } from './me.ts';
import { moment } from './show.ts';
import { type Answer, post, type Route, type Visit } from './visit.ts';
import { type Trouble, troubleOf } from './words.ts';

/** For the page of a tunnel, and again below an answer. */
export function probeForm(visit: Visit, { id }: Pick<Tunnel, 'id'>, trouble?: Trouble): Html {
  const port = field(
    {
      ...{ name: 'port', label: 'TCP port (may be empty)', value: visit.form.get('port') ?? '' },
      ...{ inputmode: 'numeric', maxlength: 5, autocomplete: 'off' },
      hint: 'With one, a connection to it is tried too.',
    },
    trouble,
  );
  return html`<section class="card"><h2>Is it reachable?</h2><p class="soft">Another place sends a ping to its addresses, from the internet.</p>
${form({ action: `/tunnels/${id}/probe`, token: visit.token }, html`${port}<button class="quiet">Try it</button>`)}</section>`;
}

/** In place of a command, which is no cure in a page. */
const instead: Readonly<Record<string, string>> = {
  firewall: 'Change what may come in, on the page of the tunnel.',
  disabled: 'Switch it on, on the page of the tunnel.',
};

function row({ address, asked, reachable, cause, reason, cure }: Probe): Html {
  const help = instead[cause] ?? (cure.startsWith('pop44 ') ? '' : cure);
  const what = asked === 'ping' ? 'Ping' : `Port ${asked.slice(asked.indexOf('/') + 1)}`;
  return html`<li class="${reachable ? 'notice good' : 'notice bad'}"><strong>${what} of <span class="mono">${address}</span>: ${reachable ? 'reached' : 'not reached'}</strong><br>${reason}.${help === '' ? nothing : html`<br>What helps: ${help}`}</li>`;
}

function result({ probes, fromPopId, heldByNodeId, lastHandshake, reachable }: ProbeTunnelResponse): Html {
  const from = fromPopId === '' ? 'Nobody could ask' : `Asked from ${fromPopId}`;
  const held = heldByNodeId === '' ? 'no place has seen the device' : `the device was last seen by ${heldByNodeId}`;
  const shaken =
    lastHandshake === undefined ? nothing : html`, its handshake at ${moment(timestampDate(lastHandshake))}`;
  return html`<p class="lead" role="status">${reachable ? 'It is reachable.' : 'Not everything was reached.'}</p>
${probes.length === 0 ? html`<p class="notice bad">It has no address on the internet.</p>` : html`<ul class="probes">${probes.map(row)}</ul>`}
<p class="soft">${from}; ${held}${shaken}.</p>`;
}

const wrongPort: Trouble = { status: 422, field: 'port', text: 'A port is a number from 1 to 65535, or nothing.' };

async function probe(visit: Visit): Promise<Answer> {
  const ref = { tunnel: visit.params['id'] ?? '' };
  const [me, { tunnel }] = await Promise.all([meOf(visit), visit.client.tunnels.getTunnel(ref, visit.call)]);
  const { id = '', name = '' } = tunnel ?? {};
  const page = (body: Html, trouble?: Trouble): Answer => ({
    page: {
      title: `Is ${name} reachable?`,
      me,
      body: html`<p class="crumb"><a href="/tunnels">Tunnels</a> / <a href="/tunnels/${id}">${name}</a></p><h1>Is ${name} reachable?</h1>
<div class="middle">${problem(trouble, ['port'])}${body}${probeForm(visit, { id }, trouble)}
<p class="command">At a command line: <code>pop44 tunnel probe ${id}</code></p></div>`,
    },
    ...(trouble && { status: trouble.status }),
  });
  const given = (visit.form.get('port') ?? '').trim();
  if (!/^([1-9]\d{0,4})?$/.test(given)) return page(nothing, wrongPort);
  try {
    return page(result(await visit.client.reach.probeTunnel({ ...ref, port: Number(given) }, visit.call)));
  } catch (thrown) {
    const trouble = troubleOf(thrown);
    if (trouble === undefined || trouble.loggedOut === true || trouble.status === 404) throw thrown;
    return page(nothing, trouble);
  }
}

export const probeRoute: Route = post('/tunnels/:id/probe', probe);
