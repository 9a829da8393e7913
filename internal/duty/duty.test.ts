import { describe, expect, test } from 'vitest';
import { key, type Route } from '#internal/dataplane/dataplane.ts';
import { endpoint, home, link, node, pair, paired, want } from '#internal/testkit/duty-node.ts';
import { eventually } from '#internal/testkit/eventually.ts';

test('a node that has just come is fenced first, and holds back what an active one announces [N7]', async () => {
  const { holder, done, world } = await node();
  world.sibling = [2_007];
  holder.take(want(link, paired));
  await eventually(() => done.includes('sessions forgotten'), 5_000);
  expect(done.slice(0, 4)).toEqual(['lease ends', 'no calls', 'routes', 'sessions forgotten']);
  expect(holder.report()).toMatchObject({ role: 'standby', epoch: 7 });
  for (const route of [home, endpoint]) {
    expect(holder.gates.route.concerns(route), key('route', route)).toBe(true);
    expect(holder.gates.route.admitted(route)).toBeUndefined();
  }
  expect(holder.gates.route.concerns({ ...home, dev: 'p44i-p1-p2' })).toBe(false);
});

test('its sibling is gone: it speaks first, then calls, then announces with a higher epoch [N7]', async () => {
  const { holder, done, states, world, becomes } = await node();
  world.sibling = [2_007];
  holder.take(want(link, paired));
  await becomes('standby');
  // Long enough alone with the others to be believed.
  await eventually(() => done.includes('sessions forgotten'), 5_000);
  done.length = 0;
  Object.assign(world, { path: 'Down', sibling: [] });
  await becomes('active');
  await eventually(() => done.length === 3, 5_000);
  expect(done).toEqual(['lease begins', 'calls', 'routes']);
  expect(states).toEqual(['put in']);
  expect(holder.gates.route.admitted(endpoint)).toEqual({ ...endpoint, metric: 2_008 });
  expect(holder.gates.route.admitted(home)).toBe(home);
});

test('killed alone, it goes on as what it was, if its kernel has seen the node live ever since [N7]', async () => {
  const resumed = await node({ role: 'active', leased: true });
  resumed.holder.take(want(link, paired));
  expect(resumed.holder.report()).toMatchObject({ role: 'active', epoch: 4 });
  const stood = await node({ role: 'active', leased: false });
  stood.holder.take(want(link, paired));
  expect(stood.holder.report()).toMatchObject({ role: 'waiting', epoch: 4 });
});

test('who carried the PoP alone goes on when a second node comes; of a snapshot without it, nobody did [N7]', async () => {
  const alone = await node();
  alone.holder.take(want(link));
  expect(alone.holder.report().role).toBe('alone');
  expect(alone.holder.gates.route.concerns(home)).toBe(false);
  alone.holder.take(want(link, paired));
  expect(alone.holder.report().role).toBe('active');
  const unknown = await node();
  unknown.holder.take(want());
  unknown.holder.take(want(link, paired));
  expect(unknown.holder.report().role).toBe('waiting');
});

test('the death of its WireGuard, and a lease that ran out, make it let go; an order it cannot follow says why [N7]', async () => {
  const { holder, world, done, reports, becomes } = await node({ role: 'active', leased: true });
  holder.take(want(link, paired));
  world.alive = false;
  holder.died();
  await becomes('waiting');
  expect(holder.report().alarm).toBe('process-died');
  await eventually(() => done.includes('lease ends'), 5_000);
  expect(await holder.takeOver()).toContain('is down');
  world.alive = true;
  expect(await holder.takeOver()).toBe('');
  expect(holder.report()).toMatchObject({ role: 'active', epoch: 5 });
  world.leased = false;
  // It leads again by itself, alone and with time that flies: what it reported tells.
  await eventually(() => reports.some(({ role, alarm }) => role === 'waiting' && alarm === 'stood-still'), 5_000);
  const single = await node();
  expect(await single.holder.takeOver()).toBe('it has no sibling');
});

test.each(['refuses', 'silent'] as const)(
  'a standby whose own BIRD %s takes nothing from a sibling that leads, then or when it answers again [N7]',
  async (bird) => {
    const { holder, world, reports, becomes } = await node();
    world.sibling = [2_007];
    holder.take(want(link, paired));
    await becomes('standby');
    // Long enough for its session to have settled.
    const looksOn = (more: number) => {
      const from = world.looks;
      return eventually(() => world.looks > from + more, 10_000);
    };
    await looksOn(200);
    world.bird = bird;
    await looksOn(200);
    world.bird = 'answers';
    await looksOn(200);
    expect(holder.report()).toMatchObject({ role: 'standby', epoch: 7 });
    expect(reports.some(({ role }) => role === 'active')).toBe(false);
  },
);

test('who followed when its pair went has no right to lead when one comes back; who led has [N7]', async () => {
  const { holder, world, done, becomes } = await node();
  world.sibling = [2_007];
  holder.take(want(link, paired));
  await becomes('standby');
  await eventually(() => done.includes('sessions forgotten'), 5_000);
  done.length = 0;
  holder.take(want(link));
  expect(holder.report().role).toBe('alone');
  await eventually(() => done.length === 3, 5_000);
  expect(done).toEqual(['no calls', 'routes', 'relay closed']);
  // Whatever else comes meanwhile.
  holder.take(want(link));
  holder.take(want(link, paired));
  expect(holder.report()).toMatchObject({ role: 'waiting', epoch: 7 });
  const led = await node({ role: 'active', leased: true });
  led.holder.take(want(link, paired));
  led.holder.take(want(link));
  led.holder.take(want(link, paired));
  expect(led.holder.report()).toMatchObject({ role: 'active', epoch: 4 });
});

describe('an order that loses nothing [N8]', () => {
  const marker: Route = { netns: 'transport', table: 4397, prefix: '192.0.0.170/32', type: 'unreachable' };
  const role: Route = { ...marker, prefix: '192.0.0.8/32' };

  async function standing() {
    const standby = await node();
    standby.world.sibling = [2_007];
    standby.world.moves = [2_007];
    standby.holder.take(want(link, paired));
    await standby.becomes('standby');
    await eventually(() => standby.done.includes('relay closed'), 5_000);
    Object.assign(standby.world, { pace: 0.02 });
    standby.done.length = 0;
    return standby;
  }

  test('who comes is heard and has states before it asks, calls when it is handed to, and then leads', async () => {
    const { holder, world, done, states, becomes } = await standing();
    const ordered = holder.takeOver();
    await becomes('joining');
    await eventually(() => done.includes('routes'), 5_000);
    expect(done).toEqual(['lease begins', 'copied', 'routes']);
    expect(states).toEqual(['made ready']);
    expect(holder.gates.route.admitted(marker)).toEqual({ ...marker, metric: 2_008 });
    for (const route of [role, home, endpoint]) expect(holder.gates.route.admitted(route)).toBeUndefined();
    world.moves = [2_008];
    await becomes('calling');
    world.called = true;
    expect(await ordered).toBe('');
    await eventually(() => done.filter((what) => what === 'routes').length === 2, 5_000);
    expect(done).toEqual(['lease begins', 'copied', 'routes', 'by the sibling', 'gathers', 'calls', 'routes']);
    expect(states).toEqual(['made ready', 'put in']);
    expect(holder.gates.route.admitted(endpoint)).toEqual({ ...endpoint, metric: 2_008 });
    await eventually(() => done.includes('kept'), 5_000);
    world.pace = 1;
    await eventually(() => done.includes('relay closed'), 5_000);
  });

  test('who is asked hands over before it says so, is told to be gone when the other leads, and then lets go', async () => {
    const { holder, world, done, states, becomes } = await node({ role: 'active', leased: true });
    holder.take(want(link, paired));
    await eventually(() => done.includes('routes'), 5_000);
    done.length = 0;
    Object.assign(world, { pace: 0.02, moves: [2_005] });
    await becomes('yielding');
    await eventually(() => done.includes('routes'), 5_000);
    expect(done).toEqual(['handed', 'routes']);
    expect(holder.gates.route.admitted(marker)).toEqual({ ...marker, metric: 2_005 });
    expect(holder.gates.route.admitted(endpoint)).toEqual({ ...endpoint, metric: 2_004 });
    world.sibling = [2_005];
    await becomes('handed');
    for (const route of [role, marker]) expect(holder.gates.route.admitted(route)).toBeUndefined();
    expect(holder.gates.route.admitted(home)).toEqual(home);
    expect(holder.gates.route.admitted(endpoint)).toEqual({ ...endpoint, metric: 3_000 });
    expect(holder.gates.route.holds?.()).toBe(true);
    await becomes('leaving');
    expect(holder.gates.route.admitted(endpoint)).toBeUndefined();
    expect(holder.gates.route.admitted(home)).toEqual({ ...home, metric: 3_000 });
    await becomes('standby');
    await eventually(() => done.includes('relay closed'), 5_000);
    expect(done.slice(2)).toEqual([
      ...['routes', 'routes', 'lease ends', 'no calls', 'routes', 'sessions forgotten', 'relay closed'],
    ]);
    expect(states).toEqual(['asked for']);
  });

  test('whose sibling is gone in the middle goes on: it forgets the sessions that it had, and calls', async () => {
    const { holder, world, done, becomes } = await node({ role: 'active', leased: true });
    holder.take(want(link, paired));
    await eventually(() => done.includes('routes'), 5_000);
    world.moves = [2_005];
    await becomes('yielding');
    await eventually(() => done.includes('handed'), 5_000);
    done.length = 0;
    Object.assign(world, { path: 'Down', moves: [] });
    await becomes('active');
    await eventually(() => done.at(-1) === 'routes' && done.includes('calls'), 5_000);
    expect(done.slice(-4)).toEqual(['relay closed', 'sessions forgotten', 'calls', 'routes']);
    expect(holder.report()).toMatchObject({ role: 'active', epoch: 6 });
  });

  test('without a relay nobody is asked, and the order is carried out as it can be', async () => {
    const { holder, world, done } = await standing();
    world.relays = false;
    expect(await holder.takeOver()).toBe('');
    expect(holder.gates.route.admitted(endpoint)).toEqual({ ...endpoint, metric: 2_008 });
    expect(done).not.toContain('gathers');
  });

  test('who must not call is not ordered; who cannot go on says so', async () => {
    const { holder, world } = await standing();
    world.hindrance = 'the clock is 90 ms ahead';
    expect(await holder.takeOver()).toContain('90 ms ahead; set it right');
    expect(holder.report().role).toBe('standby');
    world.hindrance = '';
    const ordered = holder.takeOver();
    await eventually(() => holder.report().role === 'joining', 5_000);
    world.sibling = [2_009];
    expect(await ordered).toContain('its sibling goes on');
  });
});

test('what a look has found of a pair that went meanwhile moves nothing; routes that fail then are told [N7]', async () => {
  const { holder, world, done, reports } = await node();
  world.looked = async () => holder.take(want(link));
  world.regated = () => Promise.reject(new Error('no answer'));
  world.sibling = [2_007];
  holder.take(want(link, paired));
  await eventually(() => done.includes('duty-failed'), 5_000);
  expect(reports.map(({ role }) => role)).toEqual(['waiting', 'alone']);
  expect(done).toEqual(['no calls', 'duty-failed']);
});

const floating = { family: 4, address: '198.18.3.100', gateway: '198.18.3.1' } as const;

test('an endpoint on a LAN stands while the node is active, before anybody is called from it [N7]', async () => {
  const { holder, becomes, done, world } = await node();
  world.sibling = [2_007];
  holder.take(want(link, ['pair', { ...pair, gateway4: '198.18.3.1' }], ['floating', floating]));
  await eventually(() => done.includes('sessions forgotten'), 5_000);
  expect(holder.gates.floating.concerns(floating)).toBe(true);
  expect(holder.gates.floating.admitted(floating)).toBeUndefined();
  done.length = 0;
  Object.assign(world, { path: 'Down', sibling: [] });
  await becomes('active');
  await eventually(() => done.length === 3, 5_000);
  expect(done).toEqual(['lease begins', 'routes', 'calls']);
  expect(holder.gates.floating.admitted(floating)).toBe(floating);
});

test('a node whose gateway answers no more steps down, and leads again when it does; what is not known moves nothing [N7]', async () => {
  const { holder, becomes, world } = await node();
  world.path = 'Down';
  holder.take(want(link, ['pair', { ...pair, gateway4: '198.18.3.1', gateway6: '2001:db8:3::1' }]));
  await becomes('active');
  world.gateway = 'unknown';
  const { looks } = world;
  await eventually(() => world.looks > looks + 200, 5_000);
  expect(holder.report().role).toBe('active');
  world.gateway = 'down';
  await becomes('waiting');
  expect(holder.report().alarm).toBe('cut-off');
  world.gateway = 'unknown';
  await eventually(() => world.looks > looks + 800, 5_000);
  expect(holder.report().role).toBe('waiting');
  world.gateway = 'up';
  await becomes('active');
});
