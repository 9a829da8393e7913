// Tunnel changes: what the forms of a tunnel's page do.

import { refuse } from '#internal/errors/errors.ts';
import { Refused } from '#internal/rpc/rpc.ts';
import { tunnelPage } from './tunnel-page.ts';
import { type Answer, post, type Route, type Visit } from './visit.ts';
import { troubleOf } from './words.ts';

const given = (visit: Visit, name: string): string => (visit.form.get(name) ?? '').trim();
const refOf = (visit: Visit): { readonly tunnel: string } => ({ tunnel: visit.params['id'] ?? '' });
const changeOf = (visit: Visit): { readonly change: { readonly etag: string } } => ({
  change: { etag: given(visit, 'etag') },
});

/** A change, then its page again, with what was wrong if anything was. */
const change = (path: string, said: (visit: Visit) => string, make: (visit: Visit) => Promise<unknown>): Route =>
  post(`/tunnels/:id/${path}`, async (visit): Promise<Answer> => {
    try {
      await make(visit);
      return visit.wantsJson ? { json: {} } : { to: `/tunnels/${visit.params['id'] ?? ''}?said=${said(visit)}` };
    } catch (thrown) {
      const trouble = troubleOf(thrown);
      if (trouble === undefined || trouble.loggedOut === true || trouble.status === 404) throw thrown;
      if (visit.wantsJson) return { json: { problem: trouble }, status: trouble.status };
      return { page: await tunnelPage(visit, trouble), status: trouble.status };
    }
  });

const remove = post('/tunnels/:id/delete', async (visit): Promise<Answer> => {
  const { tunnel } = await visit.client.tunnels.getTunnel(refOf(visit), visit.call);
  if (given(visit, 'confirm') !== tunnel?.name) {
    const text = `That is not its name. Type ${tunnel?.name ?? 'it'}, and nothing else.`;
    return { page: await tunnelPage(visit, { status: 422, field: 'confirm', text }), status: 422 };
  }
  await visit.client.tunnels.deleteTunnel({ ...changeOf(visit), ...refOf(visit) }, visit.call);
  return { to: '/tunnels?said=deleted' };
});

const changed = (): string => 'changed';
const neither = refuse('invalid', {
  field: 'enabled',
  problem: 'is neither yes nor no',
  cure: 'press Switch on or Switch off',
});
const isCancelled = (visit: Visit): boolean => given(visit, 'cancel') === 'yes';

export const tunnelChanges: readonly Route[] = [
  change('rename', changed, (visit) =>
    visit.client.tunnels.updateTunnel({ ...changeOf(visit), ...refOf(visit), name: given(visit, 'name') }, visit.call),
  ),
  change('enable', changed, (visit) => {
    const enabled = given(visit, 'enabled');
    // An unknown word must not switch off.
    if (enabled !== 'yes' && enabled !== 'no') throw new Refused(neither);
    return visit.client.tunnels.updateTunnel({ ...refOf(visit), enabled: enabled === 'yes' }, visit.call);
  }),
  change('firewall', changed, (visit) =>
    visit.client.tunnels.updateTunnel(
      { ...changeOf(visit), ...refOf(visit), firewall: { presets: given(visit, 'presets').split(',') } },
      visit.call,
    ),
  ),
  change(
    'rotate',
    (visit) => (isCancelled(visit) ? 'cancelled' : 'rotating'),
    (visit) =>
      visit.client.tunnels.rotateTunnelKey(
        isCancelled(visit)
          ? { ...refOf(visit), cancel: true }
          : { ...refOf(visit), nextPublicKey: given(visit, 'public_key') },
        visit.call,
      ),
  ),
  remove,
];
