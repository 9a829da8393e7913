import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { realClock } from '#internal/clock/clock.ts';
import {
  emptyDataplane,
  type Lifeline,
  type MutableDataplane,
  paddedPassword,
  put,
  sealedPassword,
} from '#internal/dataplane/dataplane.ts';
import { createLog } from '#internal/log/log.ts';
import { plan } from '#internal/plan/plan.ts';
import { makeIdentity, recipientOf, seal, writeIdentityFile } from '#internal/sealing/sealing.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { type BirdDriver, openBird } from './bird.ts';
import { likenessOf } from './kept.ts';

const netns = { transport: '/run/netns/bt', pop: '/run/netns/bp' };
const runDir = mkdtempSync(join(tmpdir(), 'pop44-bird-'));
const inside = (space: string, ...command: readonly string[]): string =>
  execFileSync('ip', ['netns', 'exec', space, ...command], { encoding: 'utf8' });

beforeAll(() => {
  mkdirSync('/run/netns', { recursive: true });
  for (const name of ['bt', 'bp']) execFileSync('ip', ['netns', 'add', name]);
  execFileSync('ip', ['-n', 'bt', 'link', 'add', 'v0', 'type', 'veth', 'peer', 'name', 'v1', 'netns', 'bp']);
  for (const [space, dev, address] of [
    ['bt', 'v0', '172.30.0.0/31'],
    ['bp', 'v1', '172.30.0.1/31'],
  ] as const) {
    inside(space, 'ip', 'address', 'add', address, 'dev', dev);
    inside(space, 'ip', 'link', 'set', dev, 'up');
    inside(space, 'ip', 'link', 'set', 'lo', 'up');
  }
});
afterAll(() => {
  for (const name of ['bt', 'bp']) execFileSync('ip', ['netns', 'del', name]);
  rmSync(runDir, { recursive: true });
});

const identity = makeIdentity();
const sealingKeyFile = join(runDir, 'sealing.agekey');
writeIdentityFile(sealingKeyFile, identity);

let driver: BirdDriver;
let reasons: string[];
const open = (): void => {
  // Undoes sooner than usual, so that tests do not wait.
  const pace = { trialMs: 1_000, wayBackSeconds: 10 };
  driver = openBird({ netns, runDir, sealingKeyFile, pace, clock: realClock, log: createLog({}, 'silent') });
  reasons = [];
  driver.onDisturbance((reason) => reasons.push(reason));
};
beforeEach(open);
afterEach(async () => {
  await bring(emptyDataplane());
  await driver.close();
});

const text = (id: number, far: number, ...routes: readonly string[]): string => `
router id 172.30.0.${id};
protocol device p44device { scan time 10; }
protocol kernel p44k4 { kernel table 4444; ipv4 { export all; }; }
protocol static p44s4 { ipv4; ${routes.map((route) => `route ${route} blackhole;`).join(' ')} }
protocol bfd p44bfd { interface "v*" { min rx interval 100 ms; min tx interval 100 ms; }; }
protocol bgp p44b { local as ${4200000000 + id}; neighbor 172.30.0.${far} as ${4200000000 + far}; bfd on;
  connect delay time 1; ipv4 { import all; export all; }; }
`;
/** What the session to the BIRD of the transport namespace stands for here. */
const lifelines: readonly Lifeline[] = [{ to: 'cores', sessions: ['p44b'] }];
function wanted(pop: string, transport?: string, lines = lifelines): MutableDataplane {
  const into = emptyDataplane();
  put(into, 'bird', { netns: 'pop', text: pop, lifelines: lines });
  if (transport !== undefined) put(into, 'bird', { netns: 'transport', text: transport, lifelines: [] });
  return into;
}
/** Both ends; that a session begins anew with another password is wanted, and no trial. */
const ends = (pop: string, transport: string): MutableDataplane => wanted(pop, transport, []);
const drift = async (want: MutableDataplane) => plan(want, { ...emptyDataplane(), ...(await driver.observe()) });
const bring = async (want: MutableDataplane) => driver.apply(await drift(want));
const birdc = (command: string): string =>
  execFileSync('birdc', ['-s', join(runDir, 'pop.bird.ctl'), ...command.split(' ')], { encoding: 'utf8' });
const pid = (): number => Number(readFileSync(join(runDir, 'pop.bird.pid'), 'utf8'));
const kernelRoutes = (): string => inside('bp', 'ip', 'route', 'show', 'table', '4444', 'proto', 'bird');

test('what was applied is what is observed, and the two speak to each other', async () => {
  const want = wanted(text(1, 0, '10.0.0.0/24'), text(0, 1, '10.0.9.0/24'));
  expect(await bring(want)).toEqual([]);
  expect((await driver.observe()).bird).toEqual(want.bird);
  await eventually(
    async () => (await driver.protocols('pop')).find(({ name }) => name === 'p44b')?.info === 'Established',
    10_000,
  );
  await eventually(async () => (await driver.bfdSessions('pop'))[0]?.state === 'Up', 5000);
  expect(await driver.bfdSessions('pop')).toEqual([{ address: '172.30.0.0', dev: 'v1', state: 'Up' }]);
  expect((await driver.protocols('transport')).map(({ name, type, state }) => `${name} ${type} ${state}`)).toContain(
    'p44s4 Static up',
  );
  await eventually(() => kernelRoutes().includes('10.0.9.0/24'), 10_000);
}, 20_000);

test('a new text is loaded without a new process', async () => {
  await bring(wanted(text(1, 0, '10.0.0.0/24')));
  const before = pid();
  const want = wanted(text(1, 0, '10.0.0.0/24', '10.0.1.0/24'));
  expect((await drift(want)).map(({ op }) => op)).toEqual(['change']);
  expect(await bring(want)).toEqual([]);
  expect(await drift(want)).toEqual([]);
  expect(pid()).toBe(before);
  await eventually(() => kernelRoutes().includes('10.0.1.0/24'), 10_000);
  expect(birdc('configure confirm')).toContain('Nothing to do');
});

test('a text is no drift however often BIRD is asked when it loaded it', async () => {
  await bring(wanted(text(1, 0)));
  for (let k = 0; k < 100; k += 1) {
    const want = wanted(text(1, 0, `10.0.${k}.0/24`));
    await bring(want);
    for (let asked = 0; asked < 10; asked += 1) expect(await drift(want)).toEqual([]);
  }
}, 20_000);

test('a syntax error is refused with its place, and the old configuration runs on', async () => {
  const want = wanted(text(1, 0, '10.0.0.0/24'));
  await bring(want);
  const failures = await bring(wanted(`${text(1, 0)}\nprotocol nonsense {}\n`));
  expect(failures[0]?.message).toMatch(/^BIRD of pop: .*pop.bird.candidate:10:10 syntax error/);
  expect(await drift(want)).toEqual([]);
  expect(kernelRoutes()).toContain('10.0.0.0/24');
});

test('a syntax error in the first text starts no BIRD', async () => {
  const failures = await bring(wanted('protocol nonsense {}'));
  expect(failures[0]?.message).toMatch(/syntax error/);
  expect((await driver.observe()).bird.size).toBe(0);
});

test('a text under which a local protocol does not come up again is undone', async () => {
  const want = wanted(text(1, 0, '10.0.0.0/24'));
  await bring(want);
  const down = text(1, 0, '10.0.1.0/24').replace('protocol static p44s4 {', 'protocol static p44s4 { disabled;');
  const failures = await bring(wanted(down));
  expect(failures[0]?.message).toBe('BIRD of pop: on trial, p44s4 did not come up');
  await eventually(() => reasons.includes('BIRD of pop: undone, p44s4 did not come up'), 15_000);
  expect(await drift(want)).toEqual([]);
  expect(kernelRoutes()).toContain('10.0.0.0/24');
}, 20_000);

test('a text that another hand loaded is drift', async () => {
  const want = wanted(text(1, 0, '10.0.0.0/24'));
  await bring(want);
  const other = join(runDir, 'other.conf');
  writeFileSync(other, text(1, 0, '10.66.0.0/24'));
  // No hand is as fast as what observe.ts takes for the same moment.
  await realClock.sleep(200);
  birdc(`configure "${other}"`);
  expect(await drift(want)).toHaveLength(1);
  await bring(want);
  expect(await drift(want)).toEqual([]);
  await eventually(() => !kernelRoutes().includes('10.66.0.0'), 10_000);
});

test('a restarted driver adopts the running BIRD', async () => {
  const want = wanted(text(1, 0, '10.0.0.0/24'));
  await bring(want);
  const before = pid();
  await driver.close();
  expect(reasons).toEqual([]);
  open();
  expect(await drift(want)).toEqual([]);
  expect(pid()).toBe(before);
});

test('the death of BIRD is told at once, and it comes back', async () => {
  const want = wanted(text(1, 0, '10.0.0.0/24'));
  await bring(want);
  process.kill(pid(), 'SIGKILL');
  await eventually(() => reasons.length > 0, 10_000);
  expect(reasons).toEqual(['BIRD of pop has died or no longer answers']);
  expect(await bring(want)).toEqual([]);
  expect(await drift(want)).toEqual([]);
});

test('a removed BIRD ends, takes its routes along and is no disturbance', async () => {
  await bring(wanted(text(1, 0, '10.0.0.0/24')));
  await eventually(() => kernelRoutes().includes('10.0.0.0/24'), 10_000);
  expect(await bring(emptyDataplane())).toEqual([]);
  expect(kernelRoutes()).toBe('');
  expect(reasons).toEqual([]);
  expect(await driver.protocols('pop')).toEqual([]);
});

const signed = (password: string, by = identity): string =>
  sealedPassword(Buffer.from(seal(paddedPassword(password), recipientOf(by))).toString('base64'));
/** The text of a node whose session signs. */
const signing = (id: number, far: number, password: string): string =>
  text(id, far, `10.0.${id}.0/24`).replace('bfd on;', password);
const session = async () => (await driver.protocols('pop')).find(({ name }) => name === 'p44b');
const established = (): Promise<boolean> => eventually(async () => (await session())?.info === 'Established', 15_000);

test('two ends with one password speak, with two they do not, and what lies on the disk is for root alone [N2]', async () => {
  // As long as the kernel takes, and with what other languages would stumble over.
  const password = `a\\b #;{}%$ '${'x'.repeat(67)}`;
  const want = ends(signing(1, 0, signed(password)), signing(0, 1, signed(password)));
  expect(await bring(want)).toEqual([]);
  await established();
  expect((await driver.observe()).bird).toEqual(want.bird);
  expect(await drift(want)).toEqual([]);
  const file = join(runDir, 'pop.bird.conf');
  expect(readFileSync(file, 'utf8')).toContain(`password "${password}";`);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const loaded = join(runDir, 'pop.bird.loaded');
  expect(readFileSync(loaded, 'utf8')).not.toContain(password);
  // The hash of a text that is known but for a password that somebody thought of gives that away.
  expect(statSync(loaded).mode & 0o077).toBe(0);
  // Another process knows the same.
  await driver.close();
  open();
  expect(await drift(want)).toEqual([]);
  // At the far end: here it would be a text that loses what was up.
  const near = want.bird.get('pop')?.text ?? '';
  expect(await bring(ends(near, signing(0, 1, signed('other'))))).toEqual([]);
  await eventually(async () => (await session())?.state === 'start', 10_000);
  // As long as it has taken above, and half as much again; nobody is let in meanwhile.
  await realClock.sleep(2000);
  expect((await session())?.info).not.toBe('Established');
  expect(await bring(want)).toEqual([]);
  await established();
}, 60_000);

test('a password that is sealed to another disables its session alone, and says so until it opens', async () => {
  const want = ends(signing(1, 0, signed('right', makeIdentity())), signing(0, 1, signed('right')));
  const failures = await bring(want);
  expect(failures.map(({ message }) => message)).toEqual([
    expect.stringMatching(/^p44b is disabled: a key is not sealed to age1\w+, or was changed$/) as unknown,
  ]);
  expect((await session())?.state).toBe('down');
  await eventually(() => kernelRoutes().includes('10.0.1.0/24'), 10_000);
  const before = birdc('show status');
  expect(await bring(want)).toHaveLength(1);
  const loadedAt = (status: string): string => /reconfiguration on (.*)\./.exec(status)?.[1] ?? '';
  expect(loadedAt(birdc('show status'))).toBe(loadedAt(before));
  expect(await bring(ends(signing(1, 0, signed('right')), signing(0, 1, signed('right'))))).toEqual([]);
  await established();
}, 30_000);

test('where it is forgotten what a text was sealed as, no clear password is told of what runs [S5]', async () => {
  const password = 'from the text that runs';
  expect(await bring(wanted(signing(1, 0, signed(password)), signing(0, 1, signed(password))))).toEqual([]);
  writeFileSync(join(runDir, 'pop.bird.loaded'), '{');
  const sha256 = likenessOf(signing(1, 0, 'password "other";'));
  const undone = { sha256, reason: 'by this test', expected: ['cores'], atMs: realClock.wall().getTime() };
  writeFileSync(join(runDir, 'pop.bird.undone'), JSON.stringify(undone));
  process.kill(pid(), 'SIGKILL');
  await eventually(() => reasons.length > 0, 10_000);
  expect(await bring(wanted(signing(1, 0, signed('other')), signing(0, 1, signed(password))))).toHaveLength(1);
  const running = (await driver.observe()).bird?.get('pop')?.text;
  expect(running).toContain('protocol bgp p44b');
  expect(running).not.toContain(password);
}, 30_000);

describe('another generation is another BIRD with the same text', () => {
  const resuming = (id: number, far: number, bfd: string, ...routes: readonly string[]): string =>
    text(id, far, ...routes)
      .replace('bfd on;', `graceful restart on; bfd ${bfd};`)
      .replace('protocol kernel p44k4 {', 'protocol kernel p44k4 { graceful restart on;');
  const generations = (bfd: string, generation: number): MutableDataplane => {
    const into = ends(resuming(1, 0, bfd, '10.0.0.0/24'), resuming(0, 1, bfd, '10.0.9.0/24'));
    for (const bird of into.bird.values()) if (bird.netns === 'pop') put(into, 'bird', { ...bird, generation });
    return into;
  };

  /** Routes of the far end that go while it is brought. */
  async function goneBy(want: MutableDataplane): Promise<string> {
    const monitor = spawn('ip', ['-n', 'bt', 'monitor', 'route'], { stdio: ['ignore', 'pipe', 'ignore'] });
    let seen = '';
    monitor.stdout.setEncoding('utf8').on('data', (part: string) => {
      seen += part;
    });
    inside('bt', 'ip', 'route', 'add', '10.9.9.0/24', 'dev', 'v0', 'table', '4445');
    await eventually(() => seen.includes('10.9.9.0/24'), 10_000);
    try {
      expect(await bring(want)).toEqual([]);
      // Longer than BFD waits.
      await realClock.sleep(1_000);
      return [...seen.matchAll(/^Deleted .*$/gm)].join('\n');
    } finally {
      inside('bt', 'ip', 'route', 'del', '10.9.9.0/24', 'dev', 'v0', 'table', '4445');
      monitor.kill();
    }
  }

  const farRoutes = (): string => inside('bt', 'ip', 'route', 'show', 'table', '4444', 'proto', 'bird');
  async function standing(want: MutableDataplane): Promise<void> {
    expect(await bring(want)).toEqual([]);
    await established();
    await eventually(() => farRoutes().includes('10.0.0.0/24') && kernelRoutes().includes('10.0.9.0/24'), 10_000);
    await eventually(async () => (await driver.bfdSessions('pop'))[0]?.state === 'Up', 5_000);
  }

  test('announced, no route goes at either end [N8]', async () => {
    await standing(generations('graceful', 0));
    const before = pid();
    expect(await goneBy(generations('graceful', 1))).toBe('');
    expect(pid()).not.toBe(before);
    expect(kernelRoutes()).toContain('10.0.9.0/24');
    expect(await drift(generations('graceful', 1))).toEqual([]);
    await established();
  }, 60_000);

  test('not announced, BFD takes them away at the far end, as from a node that has died [N8]', async () => {
    await standing(generations('on', 1));
    birdc('graceful restart');
    await eventually(() => !farRoutes().includes('10.0.0.0/24'), 10_000);
    expect(kernelRoutes()).toContain('10.0.9.0/24');
  }, 60_000);
});
