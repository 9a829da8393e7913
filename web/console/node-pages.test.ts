import { expect, test } from 'vitest';
import { UserRole } from '#internal/gen/pop44/store/v1/people_pb.ts';
import { recorder } from '#internal/testkit/recorder.ts';
import type { Answer, Visit } from '../visit.ts';
import { nodeRoutes } from './node-pages.ts';

function scene({
  form = {},
  state = {},
  role = UserRole.GLOBAL_ADMIN,
}: {
  form?: object;
  state?: object;
  role?: UserRole;
}) {
  const node = { id: 'p1', popId: 'vienna', ...(state as { node?: object }).node };
  const { client, sent } = recorder({
    whoAmI: { user: { callsign: 'OE1ADM', role } },
    getMesh: { nodes: [{ state: { connected: true, ...state, node } }] },
  });
  const visit = { params: { id: 'p1' }, query: new URLSearchParams(), token: 't', call: {}, client };
  const ask = async (path: string, reached: readonly string[] = ['p1']): Promise<Answer> => {
    const route = nodeRoutes(new Set(reached)).find((each) => each.path === `/nodes/:id${path}`);
    if (route === undefined) throw new Error(`no route ${path}`);
    return route.handle({ ...visit, form: new URLSearchParams({ ...form }) } as unknown as Visit);
  };
  const orders = () => sent.map(({ method }) => method).filter((method) => !/^(get|list|who)/.test(method));
  const text = async (reached?: readonly string[]) => {
    const answer = await ask('', reached);
    return 'page' in answer ? answer.page.body.text : '';
  };
  return { ask, text, orders, sent };
}

test('the brake has a button where its own daemon is reached, and its line of the CLI everywhere', async () => {
  const { ask, text, orders } = scene({ state: { held: '900 of 1000 peers' }, form: { confirm_release: 'p1' } });
  expect(await text()).toContain('action="/nodes/p1/release"');
  expect(await text(['p2'])).not.toContain('/nodes/p1/release');
  expect(await text(['p2'])).toContain('<code>pop44 brake release p1</code>');
  await ask('/release', ['p2']);
  expect(orders()).toEqual([]);
  await ask('/release');
  expect(orders()).toEqual(['releaseBrake']);
});

test('a node is drained when its name was typed, with the reason, and forced only when that is ticked', async () => {
  const wrong = scene({ form: { confirm_drain: 'p2', reason: 'new disk' } });
  expect(await wrong.ask('/drain')).toMatchObject({ status: 422 });
  expect(wrong.orders()).toEqual([]);
  const right = scene({ form: { confirm_drain: ' p1 ', reason: 'new disk' } });
  expect(await right.ask('/drain')).toEqual({ to: '/nodes/p1' });
  expect(right.sent.at(-1)).toMatchObject({
    method: 'drainNode',
    request: { node: 'p1', reason: 'new disk', force: false },
  });
  const forced = scene({ form: { confirm_drain: 'p1', force: 'yes' } });
  await forced.ask('/drain');
  expect(forced.sent.at(-1)).toMatchObject({ request: { force: true } });
  expect(await right.text()).toContain('<code>pop44 node drain p1 --reason …</code>');
});

test('one that is drained says by whom and what it waits for, and is put back by a press', async () => {
  const drained = { node: { drain: { by: 'admin/ada', reason: 'new disk' } }, drainPending: 'carries its PoP' };
  const { ask, text, orders } = scene({ state: drained });
  const body = await text();
  expect(body).toContain('Taken out by admin/ada: new disk. It still carries its PoP.');
  expect(body).toContain('<code>pop44 node undrain p1</code>');
  expect(body).not.toContain('/nodes/p1/drain"');
  await ask('/undrain');
  expect(orders()).toEqual(['undrainNode']);
});

test('an auditor is shown no button', async () => {
  const { text } = scene({ role: UserRole.AUDITOR, state: { held: 'x', role: 'standby' } });
  expect(await text()).not.toContain('<form');
});
