// Tunnel page: one tunnel: how it goes, its file, and what can be changed.

import { timestampDate } from '@bufbuild/protobuf/wkt';
import { wgQuick } from '#internal/clientfile/clientfile.ts';
import { Fault } from '#internal/errors/errors.ts';
import type { Pop } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { GetTunnelTemplateResponse, Tunnel } from '#internal/gen/pop44/v1/tunnels_pb.ts';
import { newPrivateKey } from '#internal/x25519/x25519.ts';
import { action, choices, field, form, problem } from './fields.ts';
import { filePanel } from './file-panel.ts';
import { html, type Html, nothing } from './html.ts';
import { meOf } from './me.ts';
import { probeForm } from './probe-page.ts';
import { firewallChoices, firewallLabel, moment, popLabel } from './show.ts';
import { colour, stateOf, type TunnelState, usageOf } from './tunnel-state.ts';
import type { Page, Visit } from './visit.ts';
import { type Trouble, troubleOf } from './words.ts';

const said: Readonly<Record<string, string>> = {
  changed: 'Changed.',
  rotating: 'The new key waits for its first connection; until then the old one works.',
  cancelled: 'The new key is given up; the old one goes on.',
};

const placeholder = '(the private key that you have made)';

/** Or why there is none now: the page stands without it. @throws Refused: the login has ended, or there is no such tunnel */
const templateOf = ({ client, call }: Visit, tunnel: string): Promise<GetTunnelTemplateResponse | Trouble> =>
  client.tunnels.getTunnelTemplate({ tunnel }, call).catch((thrown: unknown) => {
    const trouble = troubleOf(thrown);
    if (trouble === undefined || trouble.loggedOut === true || trouble.status === 404) throw thrown;
    return trouble;
  });

/** For who has no scripts: everything but the key, which is not here. */
function fileWithoutKey(template: GetTunnelTemplateResponse | Trouble): string {
  if (!('tunnelId' in template)) return `# ${template.text}`;
  const privateKey = newPrivateKey().toString('base64');
  try {
    return wgQuick({ ...template, privateKey }).replace(privateKey, placeholder);
  } catch (thrown) {
    if (thrown instanceof Fault) return `# ${thrown.message}`;
    throw thrown;
  }
}

function summary(tunnel: Tunnel, state: TunnelState, pops: readonly Pop[]): Html {
  const home = pops.find(({ id }) => id === tunnel.popIds[0]);
  return html`<section class="card" data-id="${tunnel.id}"><dl>
<dt>State</dt><dd><span class="${`state ${colour(state.word)}`}" data-live="label">${state.label}</span></dd>
<dt>Last packet</dt><dd data-live="last">${state.last === '' ? 'none yet' : moment(new Date(state.last))}</dd>
<dt>Addresses</dt><dd class="mono">${tunnel.prefixes.map((prefix) => html`<div>${prefix.replace(/\/32$/, '')}</div>`)}</dd>
<dt>Home</dt><dd>${home === undefined ? (tunnel.popIds[0] ?? '') : popLabel(home)}</dd>
<dt>Connected at</dt><dd data-live="at">${state.at === '' ? 'no node' : state.at}</dd>
<dt>Sent, received</dt><dd><span data-live="sent">${state.sent}</span>, <span data-live="received">${state.received}</span></dd>
<dt>May come in</dt><dd>${firewallLabel(tunnel.firewall?.presets ?? [], tunnel.firewall?.rules.length ?? 0)}</dd>
<dt>Key</dt><dd class="mono">${tunnel.publicKey}</dd>
${tunnel.createdAt === undefined ? nothing : html`<dt>Created</dt><dd>${moment(timestampDate(tunnel.createdAt))}</dd>`}
</dl>
<figure id="plot" hidden><svg class="plot" viewBox="0 0 120 40" preserveAspectRatio="none" aria-hidden="true"><polyline class="up"/><polyline class="down"/></svg><figcaption class="soft">Received <strong data-rate="down">0 bit/s</strong>, sent <strong data-rate="up">0 bit/s</strong>, in the last two minutes</figcaption></figure>
</section>`;
}

function alerts(tunnel: Tunnel): Html {
  const { suspension, frozenUntil } = tunnel;
  return html`${
    suspension === undefined
      ? nothing
      : html`<p class="notice bad">An operator has stopped this tunnel: ${suspension.reason || 'no reason was given'}. It carries nothing until they let it go on.</p>`
  }${
    frozenUntil === undefined
      ? nothing
      : html`<p class="notice warn">Two devices seem to use the same key: the tunnel went to and fro between nodes. Give each device a tunnel of its own.</p>`
  }`;
}

const openRotation = (visit: Visit, { id, nextPublicKey }: Tunnel): Html =>
  nextPublicKey === ''
    ? nothing
    : html`<p class="notice">A new key waits for its first connection: <span class="mono">${nextPublicKey}</span>. ${action({ action: `/tunnels/${id}/rotate`, token: visit.token, label: 'Give it up', values: { cancel: 'yes' }, kind: 'link' })}</p>`;

/** Sealed to nodes when it was made, and kept by its owner: no page has it, and a file without it would never connect. */
const sharedKeySection = (visit: Visit, tunnel: Tunnel): Html =>
  html`<section class="card"><h2>File and key</h2>${openRotation(visit, tunnel)}
<p class="notice" id="shared-key">This tunnel has a pre-shared key, which is in its file alone. Its files are made where that file is, at a command line:</p>
<p>The same for another program or place: <code>pop44 tunnel file ${tunnel.id} --key-file OLD.conf --out NEW.conf</code></p>
<p>A new key: <code>pop44 tunnel rotate-key ${tunnel.id} --old-file OLD.conf --file NEW.conf</code></p>
<p>A new pre-shared key: <code>pop44 tunnel rotate-psk ${tunnel.id} --key-file OLD.conf --file NEW.conf</code></p>
</section>`;

function keySection(visit: Visit, tunnel: Tunnel): Html {
  const { id } = tunnel;
  return html`<section class="card"><h2>File and key</h2>${openRotation(visit, tunnel)}
<p>We never had your private key. With it, your browser makes the file again, for any device.</p>
<form id="again" class="needs-script" hidden><div class="field"><label for="own-key">Private key, or an earlier file</label><textarea id="own-key" rows="3" spellcheck="false" autocomplete="off" aria-describedby="own-key-hint"></textarea><p class="hint" id="own-key-hint">It stays in this page.</p></div><p class="problem" id="again-problem" role="alert"></p><button class="quiet">Make the file</button></form>
<noscript><p>Put your private key into this file:</p></noscript>
${form({ action: `/tunnels/${id}/rotate`, token: visit.token, id: 'rotate' }, html`<h3>A new key</h3><p class="soft">Lost it, or a new device? The address moves when the new key first connects; until then the old one works.</p><noscript>${field({ name: 'public_key', label: 'Public key', maxlength: 44, required: true })}</noscript><button class="quiet">Make a new key</button><p class="problem" id="rotate-problem" role="alert"></p>`)}
</section>`;
}

function settings(visit: Visit, tunnel: Tunnel, trouble: Trouble | undefined): Html {
  const { id, name, enabled, etag } = tunnel;
  const { token } = visit;
  const presets = [...(tunnel.firewall?.presets ?? [])].sort().join(',');
  const given = (field_: string, otherwise: string): string => visit.form.get(field_) ?? otherwise;
  const hidden = html`<input type="hidden" name="etag" value="${etag}">`;
  const isOther = (tunnel.firewall?.rules.length ?? 0) > 0 || !firewallChoices.some(({ value }) => value === presets);
  return html`<div class="cards"><section class="card"><h2>What may come in</h2>
${isOther ? html`<p class="notice">It has rules that were made at a command line. A choice here replaces them.</p>` : nothing}
${form({ action: `/tunnels/${id}/firewall`, token }, html`${hidden}${choices({ name: 'presets', legend: 'New connections from the internet', all: firewallChoices, chosen: presets }, trouble)}<button class="quiet">Change it</button>`)}</section>
<div><section class="card"><h2>Name</h2>${form({ action: `/tunnels/${id}/rename`, token }, html`${hidden}${field({ name: 'name', label: 'New name', value: given('name', name), maxlength: 63, autocapitalize: 'none', spellcheck: 'false', autocomplete: 'off', required: true }, trouble)}<button class="quiet">Rename</button>`)}</section>
<section class="card"><h2>${enabled ? 'Switch off' : 'Switch on'}</h2><p class="soft">${enabled ? 'It keeps its addresses and carries nothing until it is switched on again.' : 'It is switched off: it keeps its addresses and carries nothing.'}</p>
${action({ action: `/tunnels/${id}/enable`, token, label: enabled ? 'Switch off' : 'Switch on', values: { enabled: enabled ? 'no' : 'yes' } })}</section>
<section class="card"><h2>Delete</h2><p class="soft">The device loses its address at once.</p>
${form({ action: `/tunnels/${id}/delete`, token }, html`${hidden}${field({ name: 'confirm', label: `Type ${name} to delete it`, autocapitalize: 'none', spellcheck: 'false', autocomplete: 'off', required: true }, trouble)}<button class="danger">Delete the tunnel</button>`)}</section></div></div>`;
}

export async function tunnelPage(visit: Visit, trouble?: Trouble): Promise<Page> {
  const { client, call } = visit;
  const ref = { tunnel: visit.params['id'] ?? '' };
  const [me, { tunnel }, usage, template, { pops }] = await Promise.all([
    meOf(visit),
    client.tunnels.getTunnel(ref, call),
    usageOf(client, call, ref.tunnel),
    templateOf(visit, ref.tunnel),
    client.fabric.listPops({}, call),
  ]);
  if (tunnel === undefined) throw new Fault('internal', 'a tunnel without a record');
  const note = said[visit.query.get('said') ?? ''];
  const state = stateOf(tunnel, usage, new Date());
  return {
    title: tunnel.name,
    me,
    scripts: ['tunnel', 'live'],
    body: html`<p class="crumb"><a href="/tunnels">Tunnels</a></p><h1>${tunnel.name}</h1>
${note === undefined ? nothing : html`<p class="notice good" role="status">${note}</p>`}
<p class="notice warn" id="away" role="status" hidden></p>
${problem(trouble, ['name', 'confirm', 'presets'])}${alerts(tunnel)}
${tunnel.hasPresharedKey ? nothing : filePanel(tunnel.id, tunnel.popIds)}
<div class="cards">${summary(tunnel, state, pops)}<div>${tunnel.hasPresharedKey ? sharedKeySection(visit, tunnel) : keySection(visit, tunnel)}${probeForm(visit, tunnel)}</div></div>
${tunnel.hasPresharedKey ? nothing : html`<noscript><section class="card"><h2>Its file</h2><pre tabindex="0">${fileWithoutKey(template)}</pre></section></noscript>`}
${settings(visit, tunnel, trouble)}
<p class="command">At a command line: <code>pop44 tunnel get ${tunnel.id}</code></p>`,
  };
}
