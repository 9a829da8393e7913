// Two BIRDs with a session between them: what becomes of it under a text that takes it down.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Clock, realClock } from '#internal/clock/clock.ts';
import { emptyDataplane, type MutableDataplane, put } from '#internal/dataplane/dataplane.ts';
import { createLog } from '#internal/log/log.ts';
import { plan } from '#internal/plan/plan.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { type BirdDriver, openBird } from './bird.ts';
import { type Pace, usualPace } from './judge.ts';

const netns = { transport: '/run/netns/ct', pop: '/run/netns/cp' };
const runDir = mkdtempSync(join(tmpdir(), 'pop44-trials-'));

beforeAll(() => {
  mkdirSync('/run/netns', { recursive: true });
  for (const name of ['ct', 'cp']) execFileSync('ip', ['netns', 'add', name]);
  execFileSync('ip', ['-n', 'ct', 'link', 'add', 'v0', 'type', 'veth', 'peer', 'name', 'v1', 'netns', 'cp']);
  for (const [space, dev, address] of [
    ['ct', 'v0', '172.30.0.0/31'],
    ['cp', 'v1', '172.30.0.1/31'],
  ] as const) {
    execFileSync('ip', ['-n', space, 'address', 'add', address, 'dev', dev]);
    for (const each of [dev, 'lo']) execFileSync('ip', ['-n', space, 'link', 'set', each, 'up']);
  }
});
afterAll(() => {
  for (const name of ['ct', 'cp']) execFileSync('ip', ['netns', 'del', name]);
  rmSync(runDir, { recursive: true });
});

/** The machine's, but what it says can be moved ahead. */
let aheadMs = 0;
const clock: Clock = {
  monotonicMs: () => realClock.monotonicMs() + aheadMs,
  wall: () => new Date(realClock.wall().getTime() + aheadMs),
  sleep: (ms, signal) => realClock.sleep(ms, signal),
};

let driver: BirdDriver;
let reasons: string[];
/** Undoes sooner than usual, so that tests do not wait. */
const hurried: Pace = { trialMs: 1_000, wayBackSeconds: 2 };
function open(pace = hurried): void {
  driver = openBird({ netns, runDir, pace, clock, log: createLog({}, 'silent') });
  reasons = [];
  driver.onDisturbance((reason) => reasons.push(reason));
}
const drift = async (want: MutableDataplane) => plan(want, { ...emptyDataplane(), ...(await driver.observe()) });
const bring = async (want: MutableDataplane): Promise<string> =>
  (await driver.apply(await drift(want))).map(({ message }) => message).join();

interface Text {
  readonly number?: number;
  readonly far?: number;
  readonly routes?: readonly string[];
  readonly weight?: number;
}
const text = (
  own: number,
  { number = 4_200_000_000 + own, far = 4_200_000_000 + (1 - own), routes = [], weight = 1 }: Text = {},
): string => `
router id 172.30.0.${own};
protocol device p44device { scan time 10; }
protocol static p44s4 { ipv4; ${routes.map((route) => `route ${route} blackhole;`).join(' ')} }
protocol bfd p44bfd { interface "v*" { min rx interval 100 ms; min tx interval 100 ms; }; }
protocol bgp p44b { local 172.30.0.${own} as ${number}; neighbor 172.30.0.${1 - own} as ${far}; direct;
  bfd on; connect delay time 1; connect retry time 2; error wait time 1, 8; ipv4 { import filter { weight = ${weight}; accept; }; export all; }; }
`;
const wrongFar = 4_200_000_009;

function wanted(pop: Text = {}, transport: Text = {}): MutableDataplane {
  const into = emptyDataplane();
  put(into, 'bird', { netns: 'pop', text: text(1, pop), lifelines: [{ to: 'cores', sessions: ['p44b'] }] });
  put(into, 'bird', { netns: 'transport', text: text(0, transport), lifelines: [] });
  return into;
}

const birdc = (command: string): string =>
  execFileSync('birdc', ['-s', join(runDir, 'pop.bird.ctl'), ...command.split(' ')], { encoding: 'utf8' });
const kill = (): boolean => process.kill(Number(readFileSync(join(runDir, 'pop.bird.pid'), 'utf8')), 'SIGKILL');
const link = (state: 'up' | 'down'): Buffer => execFileSync('ip', ['-n', 'ct', 'link', 'set', 'v0', state]);
const isUp = async (): Promise<boolean> =>
  (await driver.protocols('pop')).some(({ name, info }) => name === 'p44b' && info === 'Established');
const settlesUp = (): Promise<boolean> => eventually(isUp, 30_000);
const told = (what: RegExp): Promise<boolean> => eventually(() => reasons.some((reason) => what.test(reason)), 30_000);

beforeEach(async () => {
  aheadMs = 0;
  link('up');
  open();
  const failed = await bring(wanted());
  if (failed !== '') throw new Error(failed);
  await settlesUp();
});
afterEach(async () => {
  await bring(emptyDataplane());
  await driver.close();
});

const undone = 'no session to a CORE is up any more';
const again = `BIRD of pop: undone before and not tried again as it is: ${undone}`;
const onTrial = `BIRD of pop: on trial, ${undone}`;
const bad = wanted({ far: wrongFar });

test('a text that loses all sessions to COREs is undone, they are back within 10 s, and it is not tried again', async () => {
  const began = realClock.monotonicMs();
  expect(await bring(bad)).toBe(onTrial);
  // Nothing waits for it.
  expect(await bring(bad)).toBe(onTrial);
  await told(/: undone, no session to a CORE/);
  await settlesUp();
  expect(realClock.monotonicMs() - began).toBeLessThan(10_000);
  expect(driver.undone()).toEqual(['pop']);
  expect(await drift(wanted())).toEqual([]);

  // Neither by another process, nor when BIRD begins anew: that has the text that works.
  await driver.close();
  // Sessions that come back need up to 3 s.
  open(usualPace);
  expect(await bring(bad)).toBe(again);
  kill();
  await told(/has died/);
  expect(await bring(bad)).toBe(again);
  await settlesUp();
  // Who has taken it back meanwhile may try it again.
  aheadMs = 31_000;
  expect(await bring(bad)).toBe(onTrial);
  // The next text is not held up by it, has to bring back what it took, and is tried as any.
  expect(await bring(wanted({ routes: ['10.1.0.0/24'] }))).toBe(onTrial);
  await told(/works with its new text/);
  expect(await isUp()).toBe(true);
  expect(driver.undone()).toEqual([]);
  expect(existsSync(join(runDir, 'pop.bird.undone'))).toBe(false);
  expect(birdc('configure confirm')).toContain('Nothing to do');
}, 60_000);

test('shares of paths are never at fault: others are taken while all COREs are lost, and after', async () => {
  expect(await bring(bad)).toBe(onTrial);
  // What that one takes down is not there before the link is.
  link('down');
  await told(/: undone, no session to a CORE/);
  expect(await bring(wanted({ weight: 2 }))).toBe('');
  expect(driver.undone()).toEqual([]);
  link('up');
  await settlesUp();
  expect(await bring(wanted({ weight: 3 }))).toBe('');
  expect(readFileSync(join(runDir, 'pop.bird.conf'), 'utf8')).toContain('weight = 3;');
}, 60_000);

test('a change that loses no session is confirmed at once, one after which they come back as soon as they do', async () => {
  expect(await bring(wanted({ routes: ['10.1.0.0/24'] }))).toBe('');
  expect(birdc('configure confirm')).toContain('Nothing to do');
  // Both ends have another number: the session begins anew, for which BIRD itself takes up to 3 s.
  await driver.close();
  open(usualPace);
  expect(await bring(wanted({ number: 4_200_000_007 }, { far: 4_200_000_007 }))).toBe(onTrial);
  await told(/works with its new text/);
  expect(await isUp()).toBe(true);
  expect(birdc('configure confirm')).toContain('Nothing to do');
}, 60_000);

test('BIRD goes back by itself when this process is gone, and to the text before when somebody else confirms', async () => {
  expect(await bring(bad)).toBe(onTrial);
  await driver.close();
  open();
  // Observing alone: nobody undoes anything.
  await eventually(async () => (await drift(wanted())).length === 0, 30_000);
  await settlesUp();
  // It was not seen to fail; but it is not confirmed unseen either.
  expect(await bring(bad)).toBe(onTrial);
  expect(birdc('configure confirm')).toContain('confirmed');
  await told(/: undone, no session to a CORE/);
  expect(await drift(wanted())).toEqual([]);
  expect(await bring(bad)).toBe(again);
}, 60_000);

test('a text under which BIRD dies twice is not tried a third time, and it runs with the one before', async () => {
  expect(await bring(bad)).toBe(onTrial);
  kill();
  // The trial has noticed: until then it is still on trial, and nothing begins it anew.
  await told(/has ended/);
  // Begun anew, it has no session to compare with: what was there before counts.
  expect(await bring(bad)).toBe(onTrial);
  reasons.length = 0;
  kill();
  await told(/has ended/);
  expect(await bring(bad)).toMatch(/ended each time that it was tried/);
  expect(await drift(wanted())).toEqual([]);
}, 60_000);

test('an outage is not the fault of a text; one that was undone is tried again in a long one, and must end it', async () => {
  expect(await bring(bad)).toBe(onTrial);
  await told(/: undone, no session to a CORE/);
  link('down');
  await eventually(async () => !(await isUp()), 30_000);
  expect(await bring(bad)).toBe(again);
  aheadMs = 25_000;
  expect(await bring(bad)).toBe(again);
  aheadMs = 50_000;
  expect(await bring(bad)).toBe(again);
  aheadMs = 61_000;
  reasons.length = 0;
  expect(await bring(bad)).toBe(onTrial);
  await told(/: undone, no session to a CORE/);
  expect(await bring(bad)).toBe(again);
  // Another text, after a minute in which nothing was up, can take nothing away.
  aheadMs += 61_000;
  expect(await bring(wanted({ far: 4_200_000_008 }))).toBe('');
}, 60_000);
