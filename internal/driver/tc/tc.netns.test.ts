import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { emptyDataplane, type MutableDataplane, put, type ShaperClass } from '#internal/dataplane/dataplane.ts';
import { createLog } from '#internal/log/log.ts';
import { plan } from '#internal/plan/plan.ts';
import { renderClass } from './render.ts';
import { openTc, type TcDriver } from './tc.ts';

const netns = '/run/netns/tcp44';
const log = createLog({ test: 'tc' });
let driver: TcDriver;

const tc = (...args: readonly string[]): string => execFileSync('tc', ['-n', 'tcp44', ...args], { encoding: 'utf8' });
const ip = (...args: readonly string[]): string => execFileSync('ip', ['-n', 'tcp44', ...args], { encoding: 'utf8' });

beforeAll(async () => {
  mkdirSync('/run/netns', { recursive: true });
  execFileSync('ip', ['netns', 'add', 'tcp44']);
  for (const name of ['p44w0', 'p44u0', 'eth0']) {
    ip('link', 'add', name, 'type', 'bridge');
    ip('link', 'set', name, 'up');
  }
  driver = await openTc({ netns, log });
});
afterAll(() => {
  execFileSync('ip', ['netns', 'del', 'tcp44']);
});
beforeEach(async () => {
  await bring(emptyDataplane());
});

const drift = async (want: MutableDataplane) => plan(want, { ...emptyDataplane(), ...(await driver.observe()) });
const bring = async (want: MutableDataplane) => driver.apply(await drift(want));

const classOf = (minor: number, rest: Partial<ShaperClass> = {}): ShaperClass => ({
  netns: 'pop',
  dev: 'p44w0',
  minor,
  parent: minor === 1 ? 0 : 1,
  rateBitPerSecond: minor === 1 ? 100e9 : 8_000,
  ceilBitPerSecond: minor === 1 ? 100e9 : 4_000_000,
  queue: minor !== 1,
  ...rest,
});
function wanted(classes: readonly ShaperClass[], defaultClass = 0): MutableDataplane {
  const into = emptyDataplane();
  put(into, 'shaper', { netns: 'pop', dev: 'p44w0', defaultClass, overhead: 0 });
  put(into, 'shaper', { netns: 'pop', dev: 'p44u0', defaultClass: 2, overhead: -14 });
  for (const each of classes) put(into, 'class', each);
  return into;
}

test('the root of the queues and its classes stand as wanted, and a second look finds nothing to do', async () => {
  const want = wanted([classOf(1), classOf(2), classOf(0x1a), classOf(1, { dev: 'p44u0' }), classOf(3)]);
  expect(await bring(want)).toEqual([]);
  expect(await drift(want)).toEqual([]);
  expect(tc('class', 'show', 'dev', 'p44w0')).toContain(
    'class htb 1:1a parent 1:1 leaf 1a: prio 0 rate 8Kbit ceil 4Mbit',
  );
});

test('what was rendered is parsed as the same, whatever rates the API takes [T9]', async () => {
  // In the steps that desired gives.
  const kilo = fc.integer({ min: 64, max: 999_999 }).map((n) => n * 1_000);
  const mega = fc.integer({ min: 1_000, max: 100_000 }).map((n) => n * 1_000_000);
  const rates = fc.array(fc.oneof(kilo, mega), { minLength: 1, maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(rates, async (ceils) => {
      const children = ceils.map((ceilBitPerSecond, at) => classOf(0x10 + at * 1_499, { ceilBitPerSecond }));
      const want = wanted([classOf(1), ...children]);
      expect(await bring(want)).toEqual([]);
      expect(await drift(want)).toEqual([]);
    }),
    { numRuns: 20 },
  );
});

test('a rate changes alone; a class goes with its queue', async () => {
  await bring(wanted([classOf(1), classOf(0x10), classOf(0x11)]));
  const want = wanted([classOf(1), classOf(0x10, { ceilBitPerSecond: 9_000_000 })]);
  const steps = await drift(want);
  expect(steps.map(({ op, key }) => `${op} ${key}`)).toEqual(['change pop p44w0 1:10', 'remove pop p44w0 1:11']);
  expect(await driver.apply(steps)).toEqual([]);
  expect(await drift(want)).toEqual([]);
  expect(tc('qdisc', 'show', 'dev', 'p44w0')).not.toContain(' 11: ');
});

test('another default is a new root, and the classes are in it at once', async () => {
  const classes = [classOf(1), classOf(3), classOf(0x10)];
  await bring(wanted(classes));
  const want = wanted(classes, 3);
  const steps = await drift(want);
  expect(steps.map(({ kind }) => kind)).toEqual(['shaper']);
  expect(await driver.apply(steps)).toEqual([]);
  expect(await drift(want)).toEqual([]);
});

test("another hand's queues are mended on our interfaces and left alone on others", async () => {
  const want = wanted([classOf(1), classOf(0x10), classOf(0x11)]);
  await bring(want);
  tc('qdisc', 'add', 'dev', 'eth0', 'root', 'handle', '1:', 'htb');
  tc('class', 'add', 'dev', 'eth0', 'parent', '1:', 'classid', '1:10', 'htb', 'rate', '1mbit');
  tc('qdisc', 'del', 'dev', 'p44w0', 'parent', '1:10');
  tc('class', 'del', 'dev', 'p44w0', 'classid', '1:11');
  tc('class', 'add', 'dev', 'p44w0', 'parent', '1:1', 'classid', '1:99', 'htb', 'rate', '1mbit');
  tc('qdisc', 'del', 'dev', 'p44u0', 'root');
  tc('qdisc', 'add', 'dev', 'p44u0', 'root', 'handle', '1:', 'tbf', ...'rate 1mbit burst 5k limit 10k'.split(' '));
  expect(await bring(want)).toEqual([]);
  expect(await drift(want)).toEqual([]);
  expect(tc('class', 'show', 'dev', 'eth0')).toContain('rate 1Mbit');
  tc('qdisc', 'del', 'dev', 'eth0', 'root');
});

test('an interface that is gone takes its classes along: no failure to remove them, and no others with them', async () => {
  const children = [classOf(1), classOf(0x10)];
  await bring(wanted([...children, classOf(1, { dev: 'p44u0' })]));
  const steps = await drift(emptyDataplane());
  ip('link', 'del', 'p44u0');
  expect(await driver.apply(steps)).toEqual([]);
  expect(tc('qdisc', 'show', 'dev', 'p44w0')).not.toContain('htb');
  ip('link', 'add', 'p44u0', 'type', 'bridge');
  ip('link', 'set', 'p44u0', 'up');
});

test('a class that cannot be made is told, the others are reached', async () => {
  const orphan = classOf(0x20, { dev: 'p44-absent' });
  const want = wanted([classOf(1), classOf(0x10), orphan]);
  const failures = await bring(want);
  expect(failures.map(({ step }) => step.key)).toEqual(['pop p44-absent 1:20']);
  expect((await drift(want)).map(({ key }) => key)).toEqual(['pop p44-absent 1:20']);
});

test('tc takes the fair queue too, as far as this kernel has one', () => {
  for (const ceilBitPerSecond of [64_000, 100e9]) {
    const [, line = ''] = renderClass('fq_codel', {
      op: 'add',
      kind: 'class',
      key: '',
      want: classOf(0x10, { ceilBitPerSecond }),
    });
    const queue = line.slice(line.indexOf('fq_codel'));
    const take = (text: string): string => {
      spawnSync('tc', ['-n', 'tcp44', 'qdisc', 'del', 'dev', 'eth0', 'root']);
      const args = ['-n', 'tcp44', 'qdisc', 'replace', 'dev', 'eth0', 'root', ...text.split(' ')];
      return spawnSync('tc', args, { encoding: 'utf8' }).stderr;
    };
    expect(take(queue)).toMatch(/^$|Specified qdisc kind is unknown/);
    expect(take(`${queue} flows`)).toMatch(/^What is|^Usage|Command line is not complete/);
  }
});
