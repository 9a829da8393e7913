// Two nodes, each with a transport and a pop namespace, and a heartbeat link between the transports.

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { realClock } from '#internal/clock/clock.ts';
import { emptyDataplane, put } from '#internal/dataplane/dataplane.ts';
import { createLog } from '#internal/log/log.ts';
import { plan } from '#internal/plan/plan.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { type ConntrackdDriver, openConntrackd } from './conntrackd.ts';

/** A loaded machine's. */
const withinMs = 20_000;
const nodes = { a: { own: 1, far: 2 }, b: { own: 2, far: 1 } } as const;
type Name = keyof typeof nodes;
const names = ['a', 'b'] as const;
const drivers = new Map<Name, ConntrackdDriver>();
const driverOf = (name: Name): ConntrackdDriver => drivers.get(name) ?? expect.fail(`no driver of ${name}`);

const ip = (...args: readonly string[]): string => execFileSync('ip', args, { encoding: 'utf8' });
const inPop = (name: Name, ...argv: readonly string[]): string =>
  execFileSync('ip', ['netns', 'exec', `syp${name}`, ...argv], { encoding: 'utf8', stdio: 'pipe' });
const pidOf = (name: Name): number => Number(readFileSync(`/run/sy${name}/sync.pid`, 'utf8'));

function wanted(name: Name) {
  const into = emptyDataplane();
  const { own, far } = nodes[name];
  put(into, 'sync', { link: 'p44s', own: `169.254.45.${own}`, far: `169.254.45.${far}` });
  return into;
}
const drift = async (name: Name, want = wanted(name)) =>
  plan(want, { ...emptyDataplane(), ...(await driverOf(name).observe()) });
const bring = async (name: Name, want = wanted(name)) => driverOf(name).apply(await drift(name, want));

function span(name: Name): void {
  const { own, far } = nodes[name];
  const ends = ['local', `172.30.34.${own}`, 'remote', `172.30.34.${far}`];
  const more = ['dstport', '4789', 'ttl', '255', 'nolearning'];
  ip(
    '-n',
    `syt${name}`,
    'link',
    'add',
    'name',
    'p44s',
    'up',
    'netns',
    `syp${name}`,
    'type',
    'vxlan',
    'id',
    '44',
    ...ends,
    ...more,
  );
  ip('-n', `syp${name}`, 'addr', 'add', `169.254.45.${own}/30`, 'dev', 'p44s');
}

/** TCP from one address, and UDP from the next, with the marks of the firewall. */
function open(name: Name, last: number): void {
  const flow = (from: number, how: string): string =>
    `-A -t 300 -u SEEN_REPLY,ASSURED -s 44.31.0.${from} -d 198.18.0.1 ${how} --sport 40000 --dport 80 -m 69\n`;
  const file = `/run/sy${name}/flows`;
  writeFileSync(file, `${flow(last, '-p tcp --state ESTABLISHED')}${flow(last + 1, '-p udp')}`);
  inPop(name, 'conntrack', '-R', file);
}
/** Tunnels with a flow in the kernel whose mark says that it was counted. */
const flowsOf = (name: Name): readonly string[] =>
  [...inPop(name, 'conntrack', '-L').matchAll(/src=44\.31\.0\.(\d+) .*ASSURED.* mark=69/g)]
    .map(([, n = '']) => n)
    .sort();
const held = (name: Name, count: number) =>
  eventually(async () => (await driverOf(name).counts())?.held === count, withinMs);

beforeAll(async () => {
  mkdirSync('/run/netns', { recursive: true });
  for (const name of names) for (const plane of ['t', 'p']) ip('netns', 'add', `sy${plane}${name}`);
  ip('-n', 'syta', 'link', 'add', 'heartbeat', 'type', 'veth', 'peer', 'name', 'heartbeat', 'netns', 'sytb');
  for (const name of names) {
    ip('-n', `syt${name}`, 'addr', 'add', `172.30.34.${nodes[name].own}/30`, 'dev', 'heartbeat');
    ip('-n', `syt${name}`, 'link', 'set', 'heartbeat', 'up');
    span(name);
    mkdirSync(`/run/sy${name}`);
    const log = createLog({ test: 'conntrackd' });
    drivers.set(
      name,
      openConntrackd({ netns: `/run/netns/syp${name}`, runDir: `/run/sy${name}`, clock: realClock, log }),
    );
    const [failed] = await bring(name);
    if (failed !== undefined) throw new Error(failed.message);
  }
});
afterAll(async () => {
  for (const [name, driver] of drivers) {
    await bring(name, emptyDataplane());
    await driver.close();
  }
  for (const name of names) for (const plane of ['t', 'p']) spawnSync('ip', ['netns', 'del', `sy${plane}${name}`]);
});

test('what is here is wanted: nothing to do', async () => {
  for (const name of names) expect(await drift(name)).toEqual([]);
});

test('flows are at the sibling outside its kernel, and in it with their marks when it leads [A3]', async () => {
  const before = (await driverOf('b').counts())?.held ?? 0;
  open('a', 1);
  await held('b', before + 2);
  expect(flowsOf('b')).toEqual([]);
  await driverOf('b').lead();
  expect(flowsOf('b')).toEqual(['1', '2']);
});

test('a sibling that was away hears of everything, and one whose way was away too [A3]', async () => {
  process.kill(pidOf('b'), 'SIGKILL');
  ip('-n', 'syta', 'link', 'set', 'heartbeat', 'down');
  open('a', 3);
  await bring('b');
  ip('-n', 'syta', 'link', 'set', 'heartbeat', 'up');
  await driverOf('b').follow();
  const { own = 0 } = (await driverOf('a').counts()) ?? {};
  expect(own).toBeGreaterThanOrEqual(4);
  await held('b', own);
});

test('one that dies is told, and started anew; so is one whose interface is another', async () => {
  const told: string[] = [];
  driverOf('a').onDisturbance((reason) => told.push(reason));
  process.kill(pidOf('a'), 'SIGKILL');
  await eventually(() => told.includes('conntrackd has died'), withinMs);
  expect((await drift('a')).map(({ op, kind }) => `${op} ${kind}`)).toEqual(['add sync']);
  expect(await bring('a')).toEqual([]);
  expect(await drift('a')).toEqual([]);
  ip('-n', 'sypa', 'link', 'del', 'p44s');
  span('a');
  expect(await drift('a')).toHaveLength(1);
  expect(await bring('a')).toEqual([]);
  // Through the new one.
  const before = (await driverOf('b').counts())?.held ?? 0;
  open('a', 5);
  await eventually(async () => ((await driverOf('b').counts())?.held ?? 0) >= Math.max(before, 6), withinMs);
});

test('where the interface is missing it is a failed step, and nothing runs', async () => {
  await bring('a', emptyDataplane());
  expect(await driverOf('a').counts()).toBeUndefined();
  ip('-n', 'sypa', 'link', 'del', 'p44s');
  expect((await bring('a')).map(({ message }) => message)).toEqual([expect.stringContaining('p44s is not there')]);
});
