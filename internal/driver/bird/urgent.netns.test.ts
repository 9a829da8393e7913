import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '#internal/testkit/eventually.ts';
import { createUrgent } from './urgent.ts';

const directory = mkdtempSync(join(tmpdir(), 'pop44-urgent-'));
const fileOf = (name: string): string => join(directory, name);
const config = `
router id 172.30.0.1;
protocol device { }
protocol bfd { interface "*" { min rx interval 100 ms; min tx interval 100 ms; }; }
`;
let bird: ChildProcess;
const pid = (): string => readFileSync(fileOf('pid'), 'utf8').trim();
const threads = (): readonly string[] => readdirSync(`/proc/${pid()}/task`);

/** proc(5), field 41 of stat: 0 SCHED_OTHER, 2 SCHED_RR. */
const policyOf = (thread: string): number =>
  Number(readFileSync(`/proc/${pid()}/task/${thread}/stat`, 'utf8').split(') ')[1]?.split(' ')[38]);

beforeAll(async () => {
  writeFileSync(fileOf('conf'), config);
  bird = spawn('bird', ['-f', '-c', fileOf('conf'), '-s', fileOf('ctl'), '-P', fileOf('pid')]);
  await eventually(() => threads().length > 1, 10_000);
});
afterAll(() => {
  bird.kill();
  rmSync(directory, { recursive: true });
});

test('threads are urgent where that is allowed, the main one of the transport namespace alone; where not, it is told once [N5]', async () => {
  const told: unknown[] = [];
  const log = { info: (event: string) => told.push(event) };
  const allowed = spawnSync('chrt', ['--rr', '1', 'true']).status === 0;
  const policies = () =>
    Object.fromEntries(threads().map((thread) => [thread === pid() ? 'main' : 'bfd', policyOf(thread)]));
  const [usual, urgent] = [0, allowed ? 2 : 0];
  const pop = createUrgent({ netns: 'pop', pidFile: fileOf('pid'), log });
  await pop.hurry();
  expect(policies()).toEqual({ main: usual, bfd: urgent });
  expect(told).toEqual(allowed ? [] : ['bfd-not-urgent']);
  await pop.hurry();
  expect(told).toHaveLength(allowed ? 0 : 1);
  await createUrgent({ netns: 'transport', pidFile: fileOf('pid'), log }).hurry();
  expect(policies()).toEqual({ main: urgent, bfd: urgent });
});

test('a process that is no BIRD keeps its priority, whatever the file says, and none is no news', async () => {
  const told: unknown[] = [];
  const log = { info: (event: string) => told.push(event) };
  writeFileSync(fileOf('other'), `${process.pid}\n`);
  await createUrgent({ netns: 'pop', pidFile: fileOf('other'), log }).hurry();
  await createUrgent({ netns: 'pop', pidFile: fileOf('none'), log }).hurry();
  const own = readdirSync('/proc/self/task').map((thread) => readFileSync(`/proc/self/task/${thread}/stat`, 'utf8'));
  expect(own.map((stat) => stat.split(') ')[1]?.split(' ')[38])).toEqual(own.map(() => '0'));
  expect(told).toEqual([]);
});
