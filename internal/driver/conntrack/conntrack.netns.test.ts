import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { realClock } from '#internal/clock/clock.ts';
import { createLog } from '#internal/log/log.ts';
import { type Flows, openFlows } from './conntrack.ts';

const name = 'ctp44';
const file = '/tmp/ctp44-flows';
const missing = '/run/netns/ctp44-later';
let flows: Flows;

const inside = (...argv: readonly string[]): string =>
  execFileSync('ip', ['netns', 'exec', name, ...argv], { encoding: 'utf8', stdio: 'pipe' });

/** `from > to` of each flow, sorted. */
const open = (): readonly string[] =>
  ['ipv4', 'ipv6'].flatMap((family) =>
    [...inside('conntrack', '-L', '-f', family).matchAll(/^.*?src=(\S+) dst=(\S+)/gm)].map(
      ([, from, to]) => `${from} > ${to}`,
    ),
  );

const flow = (from: string, to: string, port: number): string =>
  `-A -t 300 -u SEEN_REPLY,ASSURED -s ${from} -d ${to} -p tcp --state ESTABLISHED --sport ${port} --dport 80\n`;

beforeAll(() => {
  mkdirSync('/run/netns', { recursive: true });
  execFileSync('ip', ['netns', 'add', name]);
  flows = openFlows({
    netns: `/run/netns/${name}`,
    runDir: '/tmp',
    clock: realClock,
    log: createLog({ test: 'conntrack' }),
  });
});
afterAll(async () => {
  await flows.close();
  execFileSync('ip', ['netns', 'del', name]);
});
beforeEach(() => {
  spawnSync('ip', ['netns', 'exec', name, 'conntrack', '-F']);
  const pairs = [
    ['44.31.0.7', '198.18.0.1'],
    ['198.18.0.1', '44.31.0.7'],
    ['44.31.0.8', '198.18.0.1'],
    ['44.31.1.31', '198.18.0.1'],
    ['44.31.1.32', '198.18.0.1'],
    ['2001:db8:44:7:1::1', '2001:db8::1'],
    ['2001:db8::1', '2001:db8:44:7::2'],
    ['2001:db8:44:8::1', '2001:db8::1'],
  ];
  // Not by its standard input, which it opens by name.
  writeFileSync(file, pairs.map(([from = '', to = ''], at) => flow(from, to, 1_024 + at)).join(''));
  inside('conntrack', '-R', file);
});

test('flows from and to prefixes of any length end, and no other [S2]', async () => {
  await flows.end(['44.31.0.7/32', '44.31.1.16/28', '44.31.9.9/32', '2001:db8:44:7::/64']);
  expect(open().toSorted()).toEqual([
    '2001:db8:44:8::1 > 2001:db8::1',
    '44.31.0.8 > 198.18.0.1',
    '44.31.1.32 > 198.18.0.1',
  ]);
});

test('what could not be ended is due until it is', async () => {
  const lost = openFlows({ netns: missing, runDir: '/tmp', clock: realClock, log: createLog({ test: 'conntrack' }) });
  await lost.end(['44.31.0.7/32']);
  expect(open()).toHaveLength(8);
  symlinkSync(`/run/netns/${name}`, missing);
  await lost.end([]);
  rmSync(missing);
  expect(open()).toHaveLength(6);
  await lost.close();
});

test('what is not a prefix reaches no tool', async () => {
  await expect(flows.end(['44.31.0.7/32\n-F'])).rejects.toThrow('is not a prefix');
  expect(open()).toHaveLength(8);
});

test('flows of a tunnel are carried to another node as they were, with their marks, and nothing else [A3]', async () => {
  inside('conntrack', '-U', '-s', '44.31.0.7', '--mark', '69');
  writeFileSync(file, '-A -t 30 -s 198.18.0.1 -d 44.31.0.7 -p udp --sport 1025 --dport 53 -m 68\n');
  inside('conntrack', '-R', file);
  const told = await flows.open(['44.31.0.7/32', '2001:db8:44:7::/64']);
  expect(told).toHaveLength(5);
  const shown = (): readonly string[] =>
    ['ipv4', 'ipv6']
      .flatMap((family) => inside('conntrack', '-L', '-f', family).split('\n'))
      .filter((line) => /44\.31\.0\.7 |2001:db8:44:7:/.test(line))
      .map((line) => line.replace(/^(\S+ +\d+ )\d+/, '$1'))
      .toSorted();
  const before = shown();
  inside('conntrack', '-F');
  await flows.carry(told);
  // Once more: what stands is no fault.
  await flows.carry(told);
  expect(shown()).toEqual(before);
  expect(before.join()).toMatch(/ESTABLISHED src=44\.31\.0\.7 .*\[ASSURED\] mark=69/);
  expect(before.join()).toMatch(/udp .*\[UNREPLIED\] .*mark=68/);
  expect(open()).toHaveLength(5);
  await expect(flows.carry([{ ...told[0], from: '::1\n-F' } as (typeof told)[number]])).rejects.toThrow(
    'two addresses',
  );
});

test('what ends and what is carried goes in the order in which it was asked for [A3] [S2]', async () => {
  const told = await flows.open(['44.31.0.7/32']);
  const itsOwn = (): readonly string[] => open().filter((each) => each.includes('44.31.0.7'));
  await Promise.all([flows.end(['44.31.0.7/32', '44.31.1.16/28']), flows.carry(told)]);
  expect(itsOwn()).toHaveLength(2);
  await Promise.all([flows.carry(told), flows.end(['44.31.0.7/32'])]);
  expect(itsOwn()).toEqual([]);
});
