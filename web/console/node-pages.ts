// Node pages: one node, and what may be done with it now: each with its line for the CLI, and named before it is done.

import { timestampDate } from '@bufbuild/protobuf/wkt';
import { refuse } from '#internal/errors/errors.ts';
import type { MeshNode } from '#internal/gen/pop44/v1/status_pb.ts';
import { Refused } from '#internal/rpc/rpc.ts';
import { action, checkbox, field, form, problem } from '../fields.ts';
import { html, type Html, nothing } from '../html.ts';
import { meOf } from '../me.ts';
import { moment } from '../show.ts';
import { type Answer, get, type Me, post, type Route, type Visit } from '../visit.ts';
import { type Trouble, troubleOf } from '../words.ts';
import { shown } from './cells.ts';
import { nodeColumns } from './network-pages.ts';
import { cellsOf, idOf, readNetwork } from './network.ts';
import { section } from './section.ts';

/** Nodes whose own daemon this instance speaks to: a brake is let go there alone. */
export type Reached = ReadonlySet<string>;

/** What a page of a node is made with. */
interface Around {
  readonly visit: Visit;
  readonly reached: Reached;
  readonly trouble: Trouble | undefined;
}

interface Order {
  readonly path: string;
  readonly title: string;
  readonly text: string;
  readonly command: string;
  /** Fields besides its name. */
  readonly more?: Html;
}

/** Done when the node's name was typed. */
function named({ visit, trouble }: Around, id: string, order: Order): Html {
  const { path, title, text, command, more = nothing } = order;
  const confirm = field(
    {
      ...{ name: `confirm_${path}`, label: `Type ${id}`, autocapitalize: 'none', autocomplete: 'off' },
      ...{ spellcheck: 'false' as const, required: true },
    },
    trouble,
  );
  const body = form(
    { action: `/nodes/${id}/${path}`, token: visit.token },
    html`${more}${confirm}<button class="danger">${title}</button>`,
  );
  return section(title, html`<p class="soft">${text}</p>${body}`, command);
}

function brake(around: Around, id: string, held: string): Html {
  const command = `pop44 brake release ${id}`;
  if (!around.reached.has(id))
    return section(
      'The brake holds',
      html`<p>Held: ${held}.</p><p class="soft">Its own daemon lets go of it, and this site does not speak to that one.</p>`,
      command,
    );
  const text = `Held: ${held}. Only if so much is meant to go.`;
  return named(around, id, { path: 'release', title: 'Release the brake', text, command });
}

function drain(around: Around, { state }: MeshNode): Html {
  const { visit, trouble } = around;
  const { id = '', drain: drained } = state?.node ?? {};
  if (drained === undefined) {
    const reason = field(
      {
        name: 'reason',
        label: 'Reason',
        hint: 'For whoever looks at it later.',
        maxlength: 200,
        value: visit.form.get('reason') ?? '',
      },
      trouble,
    );
    return named(around, id, {
      ...{ path: 'drain', title: 'Take out of use', command: `pop44 node drain ${id} --reason …` },
      text: 'To work on it: what it carries moves to other nodes, and no packet is lost.',
      more: html`${reason}${checkbox({ name: 'force', label: 'Also where tunnels fall silent, since no other node of its PoP can take over' })}`,
    });
  }
  const since = drained.at === undefined ? nothing : html` since ${moment(timestampDate(drained.at))}`;
  const by = drained.by.startsWith('user/')
    ? html`<a href="/users/${drained.by.slice('user/'.length)}">${drained.by}</a>`
    : html`${drained.by}`;
  const pending = state?.drainPending ?? '';
  return section(
    'Out of use',
    html`<p>Taken out by ${by}${since}${drained.reason === '' ? '' : `: ${drained.reason}`}. ${pending === '' ? 'It carries nothing that another node can carry.' : `It still ${pending}.`}</p>${action({ action: `/nodes/${id}/undrain`, token: visit.token, label: `Put ${id} back into use` })}`,
    `pop44 node undrain ${id}`,
  );
}

function actionsOf(around: Around, asks: Me['role'], node: MeshNode): Html {
  if (asks === 'auditor') return html`<p class="soft">You look, and change nothing.</p>`;
  const id = idOf(node);
  const { role = '', held = '' } = node.state ?? {};
  const takeover: Order = {
    ...{ path: 'takeover', title: 'Take over', command: `pop44 node takeover ${id}` },
    text: 'It becomes the active node of its PoP; the other one stands by.',
  };
  return html`${held === '' ? nothing : brake(around, id, held)}${role === 'standby' ? named(around, id, takeover) : nothing}${drain(around, node)}`;
}

const notReached = refuse('unavailable', { problem: 'this site does not speak to the daemon of that node', cure: '' });
const fields = ['confirm_takeover', 'confirm_release', 'confirm_drain', 'reason'];

async function one(visit: Visit, reached: Reached, trouble?: Trouble): Promise<Answer> {
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
  const body = html`<p class="crumb"><a href="/nodes">Nodes</a></p><h1>${id}</h1><p class="notice warn" id="away" role="status" hidden></p>${problem(trouble, fields)}
<div class="cards"><section class="card"><h2>Now</h2><dl>${nodeColumns.map(([label, key, base]) => html`<dt>${label}</dt><dd>${shown(cells, `node/${id}/${key}`, base)}</dd>`)}<dt>Failure</dt><dd>${shown(cells, `node/${id}/failure`)}</dd></dl></section>
<section class="card"><h2>Record</h2><dl><dt>PoP</dt><dd>${record?.popId}</dd><dt>ASN</dt><dd>${record?.asn}</dd><dt>Underlay</dt><dd class="mono">${record?.underlay4} ${record?.underlay6}</dd><dt>Loopback</dt><dd class="mono">${record?.loopback4} ${record?.loopback6}</dd><dt>Mesh</dt><dd class="mono">${record?.meshAddress}</dd><dt>Failure domain</dt><dd>${record?.failureDomain}</dd></dl></section>
${actionsOf({ visit, reached, trouble }, me.role, found)}</div>`;
  return { page: { title: id, me, scripts: ['console'], body }, status: trouble?.status ?? 200 };
}

export function nodeRoutes(reached: Reached): readonly Route[] {
  const change = (path: string, isNamed: boolean, make: (visit: Visit, id: string) => Promise<unknown>): Route =>
    post(`/nodes/:id/${path}`, async (visit): Promise<Answer> => {
      const id = visit.params['id'] ?? '';
      if (isNamed && (visit.form.get(`confirm_${path}`) ?? '').trim() !== id) {
        const text = `That is not its name. Type ${id}, and nothing else.`;
        return one(visit, reached, { status: 422, field: `confirm_${path}`, text });
      }
      try {
        await make(visit, id);
        return { to: `/nodes/${id}` };
      } catch (thrown) {
        const trouble = troubleOf(thrown);
        if (trouble === undefined || trouble.loggedOut === true) throw thrown;
        return one(visit, reached, trouble);
      }
    });
  return [
    get('/nodes/:id', (visit) => one(visit, reached)),
    change('takeover', true, (visit, id) => visit.client.fabric.takeOver({ node: id }, visit.call)),
    change('release', true, async (visit, id) => {
      // Of another one there is no such form.
      if (!reached.has(id)) throw new Refused(notReached);
      await visit.client.at(id).status.releaseBrake({ nodeId: id }, visit.call);
    }),
    change('drain', true, (visit, id) => {
      const reason = (visit.form.get('reason') ?? '').trim();
      return visit.client.fabric.drainNode({ node: id, reason, force: visit.form.get('force') === 'yes' }, visit.call);
    }),
    change('undrain', false, (visit, id) => visit.client.fabric.undrainNode({ node: id }, visit.call)),
  ];
}
