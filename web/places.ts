// Places: where a new tunnel could be, the nearest to who looks at the page first.

import type { NearPopsResponse } from '#internal/gen/pop44/v1/reach_pb.ts';
import { msText } from '#internal/reach/reach.ts';
import { attributes, html, type Html, nothing } from './html.ts';
import { popLabel } from './show.ts';
import type { Visit } from './visit.ts';
import { troubleOf } from './words.ts';

/** An echo that is not answered takes 1.5 s; a page waits no longer than this for distances. */
const patienceMs = 3_000;

/** Undefined: distances are not to be had now, and nobody has to wait for them. */
async function measured({ client, call }: Visit): Promise<NearPopsResponse | undefined> {
  try {
    return await client.reach.nearPops({}, { ...call, deadlineMs: patienceMs });
  } catch (thrown) {
    if (troubleOf(thrown) === undefined) throw thrown;
    return undefined;
  }
}

function hint({ pops, proposedBy, proposedPopId }: NearPopsResponse): string {
  if (proposedBy === 'nearest')
    return 'Measured to your address just now: the nearest is the fastest. It works from everywhere.';
  const why = pops.find(({ popId }) => popId === proposedPopId)?.problem ?? '';
  return `Distances are not measured${why === '' ? '' : ` (${why})`}: choose what is near. It works from everywhere.`;
}

/** The field of a form: every place that carries tunnels, with its distance; what was chosen, or else what is proposed, is selected. */
export async function placeField(visit: Visit): Promise<Html> {
  const chosen = visit.form.get('pop');
  const near = await measured(visit);
  const pops =
    near?.pops ??
    (await visit.client.fabric.listPops({}, visit.call)).pops
      .filter(({ acceptsTunnels }) => acceptsTunnels)
      .map(({ id, description }) => ({ popId: id, description, rttMs: undefined }));
  const selected = chosen ?? near?.proposedPopId ?? '';
  const options = pops.map(({ popId, description, rttMs }) => {
    const distance = rttMs === undefined ? '' : `: ${msText(rttMs)}`;
    const label = `${popLabel({ id: popId, description })}${distance}`;
    return html`<option${attributes({ value: popId, selected: selected === popId })}>${label}</option>`;
  });
  const own = near === undefined || near.proposedPopId === '' ? html`<option value="">Choose for me</option>` : nothing;
  const text = near === undefined ? 'The nearest is the fastest. It works from everywhere.' : hint(near);
  return html`<div class="field"><label for="pop">Where</label><select id="pop" name="pop" aria-describedby="pop-hint">${own}${options}</select><p class="hint" id="pop-hint">${text}</p></div>`;
}
