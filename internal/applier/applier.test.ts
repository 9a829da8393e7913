import { expect, test } from 'vitest';
import { realClock } from '#internal/clock/clock.ts';
import { emptyDataplane, type Kind, kinds, type MutableDataplane, put } from '#internal/dataplane/dataplane.ts';
import { desired } from '#internal/desired/desired.ts';
import { plan, reach } from '#internal/plan/plan.ts';
import { putsOf, type Want } from '#internal/seam/seam.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { testKey, threePops } from '#internal/testkit/three-pops.ts';
import { type AnyDriver, createApplier } from './applier.ts';
import type { ApplierParts } from './face.ts';

const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };
const self = { nodeId: 'p1', accessKeyFile: '/keys/access', interconnectKeyFile: '/keys/interconnect' };
const wanted = desired(threePops(3), self, new Set<string>());
const want = (number = 1): Want => ({
  type: 'want',
  number,
  revision: '2',
  whole: true,
  put: putsOf(wanted),
  remove: [],
});

/** A machine that does what it is told, but for the keys in `refuses`; two drivers, as kinds go in batches. */
function machine() {
  const state: MutableDataplane = emptyDataplane();
  const refuses = new Set<string>();
  const blind = new Set<Kind>();
  const batches: string[][] = [];
  const driver = (own: readonly Kind[]): AnyDriver => ({
    kinds: own,
    observe: async () => {
      for (const kind of own) if (blind.has(kind)) throw new Error('cannot look');
      return Object.fromEntries(own.map((kind) => [kind, new Map<string, unknown>(state[kind])]));
    },
    apply: async (steps) => {
      batches.push(steps.map((step) => `${step.op} ${step.kind}`));
      const failed = steps.filter((step) => refuses.has(step.key));
      for (const step of steps) if (!refuses.has(step.key)) reach(state, step);
      return failed.map((step) => ({ step, message: 'refused by the machine' }));
    },
    onDisturbance: () => undefined,
    close: async () => undefined,
  });
  const wireguard: readonly Kind[] = ['link', 'peer'];
  const drivers = [driver(wireguard), driver(kinds.filter((kind) => !wireguard.includes(kind)))];
  return { state, refuses, blind, batches, drivers };
}

/** An applier of this machine, started; its node wants nothing by itself unless `parts` say so. */
async function started({ drivers }: ReturnType<typeof machine>, parts: Partial<ApplierParts> = {}) {
  const applier = createApplier({
    ...{ drivers, fixed: emptyDataplane(), shaken: () => false, clock: realClock, log: quiet },
    ...parts,
  });
  await applier.start();
  return applier;
}

const mesh = (): MutableDataplane => {
  const made = emptyDataplane();
  put(made, 'address', { netns: 'transport', dev: 'p44m', cidr: 'fd44:44::1/64' });
  return made;
};

test('before the first want only what the node itself wants is touched', async () => {
  const host = machine();
  const { state } = host;
  put(state, 'peer', { link: 'p44w0', publicKey: testKey(9), allowedIps: ['44.31.3.3/32'], keepaliveSeconds: 0 });
  const applier = await started(host, { fixed: mesh() });
  expect(applier.accessPeers()).toBe(1);
  await applier.compare();
  expect(state.peer.size).toBe(1);
  expect([...state.address.keys()]).toEqual(['transport p44m fd44:44::1/64']);
  await applier.close();
});

test('the ruleset of a node that knows nothing is raised where none stands, and gives way to one that lets clients in', async () => {
  const host = machine();
  const { state } = host;
  const fixed = mesh();
  const rules = (text: string) => ({ netns: 'transport', text }) as const;
  put(fixed, 'ruleset', rules('closed'));
  const of = () => state.ruleset.get('transport')?.text;
  const first = await started(host, { fixed });
  expect(of()).toBe('closed');
  const open: Want = { ...want(), put: [['ruleset', rules('open')]] };
  await first.want(open);
  expect(of()).toBe('open');
  await first.close();
  // Restarted: clients are not cut off until the first want comes.
  const second = await started(host, { fixed });
  await second.compare();
  expect(of()).toBe('open');
  await second.want({ ...open, number: 2, whole: false, put: [], remove: [['ruleset', 'transport']] });
  expect(of()).toBe('closed');
  await second.close();
});

test('a want is reached, and what a comparison finds broken or added is mended and counted [N3]', async () => {
  const host = machine();
  const { state } = host;
  const applier = await started(host);
  expect(await applier.want(want())).toMatchObject({ type: 'applied', number: 1, failing: 0 });
  expect(plan(wanted, state)).toEqual([]);
  const [lost = ''] = state.peer.keys();
  state.peer.delete(lost);
  put(state, 'peer', { link: 'p44w0', publicKey: testKey(77), allowedIps: ['44.31.3.3/32'], keepaliveSeconds: 0 });
  expect(await applier.compare()).toMatchObject({ failing: 0, drift: { peer: 2 } });
  expect(plan(wanted, state)).toEqual([]);
  await applier.close();
});

test('one step that fails stops no other, is told once, and is tried again until it is reached', async () => {
  const warnings: string[] = [];
  const host = machine();
  const { state, refuses } = host;
  const [stubborn = ''] = wanted.route.keys();
  refuses.add(stubborn);
  const applier = await started(host, { log: { ...quiet, warn: (event) => void warnings.push(event) } });
  const answer = await applier.want(want());
  expect(answer).toMatchObject({ failing: 1, failures: [`+ route ${stubborn}: refused by the machine`] });
  expect(plan(wanted, state).map((step) => step.key)).toEqual([stubborn]);
  // Looked at again, it is neither drift nor told twice.
  expect((await applier.compare()).drift).toEqual({});
  expect(warnings).toEqual(['step-failed']);
  refuses.clear();
  await eventually(() => plan(wanted, state).length === 0, 5_000);
  await applier.close();
});

test('a mechanism that cannot be read does not stop the others and is believed as it was', async () => {
  const host = machine();
  const { state, blind } = host;
  const applier = await started(host);
  await applier.want(want());
  blind.add('peer');
  state.element.clear();
  expect(await applier.compare()).toMatchObject({ failing: 0 });
  expect(plan(wanted, state)).toEqual([]);
  await applier.close();
});

test('a difference costs the steps of what it names', async () => {
  const host = machine();
  const { batches } = host;
  const applier = await started(host);
  await applier.want(want());
  batches.length = 0;
  const [[kind, value] = ['peer', undefined]] = putsOf(wanted).filter(([each]) => each === 'peer');
  if (kind !== 'peer' || value === undefined) throw new Error('no peer wanted');
  await applier.want({
    ...want(2),
    whole: false,
    put: [['peer', { ...value, publicKey: testKey(50) }]],
    remove: [['peer', `${value.link} ${value.publicKey}`]],
  });
  expect(batches).toEqual([['add peer', 'remove peer']]);
  await applier.close();
});

test('the flows of a tunnel that goes end after its last element went, and not before that is reached [S2]', async () => {
  const host = machine();
  const { batches, refuses } = host;
  const ended: (readonly string[])[] = [];
  const applier = await started(host, {
    endFlows: async (prefixes) => {
      if (prefixes.length === 0) return;
      ended.push(prefixes);
      batches.push(['end flows']);
    },
  });
  await applier.want(want());
  expect(ended).toEqual([]);
  batches.length = 0;
  const [peer] = [...wanted.peer.values()].filter(({ link }) => link === 'p44w0');
  if (peer === undefined) throw new Error('no peer wanted');
  const keys = [...wanted.element.keys()].filter((key) => key.endsWith(` ${peer.allowedIps[0]?.split('/')[0]}`));
  const peerKey = `p44w0 ${peer.publicKey}`;
  refuses.add(peerKey);
  await applier.want({
    ...want(2),
    whole: false,
    put: [],
    remove: [['peer', peerKey], ...keys.map((key) => ['element', key] as const)],
  });
  expect(ended).toEqual([]);
  refuses.clear();
  await eventually(() => ended.length > 0, 5_000);
  expect(ended).toEqual([peer.allowedIps]);
  expect(batches.at(-1)).toEqual(['end flows']);
  await applier.close();
});

test('what is done apart sees peers that stand as they are wanted, and nothing changes them meanwhile [T9]', async () => {
  const host = machine();
  const { refuses } = host;
  const [value] = [...wanted.peer.values()].filter(({ link }) => link === 'p44w0');
  if (value === undefined) throw new Error('no peer wanted');
  const peerKey = `p44w0 ${value.publicKey}`;
  const applier = await started(host);
  expect(applier.standingPeer(peerKey)).toBeUndefined();
  refuses.add(peerKey);
  await applier.want(want());
  // Wanted, and not there.
  expect(applier.standingPeer(peerKey)).toBeUndefined();
  refuses.clear();
  await applier.compare();
  let removal: Promise<unknown> = Promise.resolve();
  await applier.apart(async () => {
    expect(applier.standingPeer(peerKey)).toEqual(value);
    removal = applier.want({ ...want(2), whole: false, put: [], remove: [['peer', peerKey]] });
    await realClock.sleep(20);
    expect(applier.standingPeer(peerKey)).toEqual(value);
  });
  await removal;
  expect(applier.standingPeer(peerKey)).toBeUndefined();
  await applier.close();
});
