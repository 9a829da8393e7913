//  main.ts (outside) ---- pipe ----> janitor -> unshare -> first process -> inside.ts -> the world
//     |  listens on 127.0.0.1                  (user, mount, net, pid namespaces of the lab)
//     +-- relay --> <directory>/p1.api.sock
//
//  When main.ts ends, however it does, the pipe ends, the first process ends, the kernel ends the rest, and the janitor
//  removes the directory.

import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { labExecArgv } from '#internal/client/client.ts';
import { keep, run } from '#internal/exec/exec.ts';
import type { Kept } from '#internal/exec/exec.ts';
import { eventually } from '../eventually.ts';
import { programsEnv } from '../programs.ts';
import type { LabContext } from './context.ts';

const tree = fileURLToPath(new URL('../../..', import.meta.url));
const main = join(tree, 'cmd/lab/main.ts');

let runtime: string;
let labs: string;
let started: Kept[];

beforeEach(async () => {
  runtime = await mkdtemp('/tmp/runtime-');
  labs = join(runtime, 'pop44');
  started = [];
});
afterEach(async () => {
  await Promise.all(started.map((kept) => kept.stop()));
  await rm(runtime, { recursive: true });
});

interface Starter {
  readonly kept: Kept;
  readonly ended: Promise<string>;
  readonly said: string[];
}

const start = (...args: string[]): Promise<Starter> => startBy(process.execPath, main, '--bare', ...args);
const startBy = (file: string, ...args: string[]): Promise<Starter> => startIn({}, file, ...args);

async function startIn(environment: Record<string, string>, file: string, ...args: string[]): Promise<Starter> {
  const said: string[] = [];
  const ended = Promise.withResolvers<string>();
  const kept = await keep({
    file,
    args,
    env: { ...programsEnv(), XDG_RUNTIME_DIR: runtime, ...environment },
    onStderr: (line) => said.push(line),
    onStdout: (line) => said.push(line),
    onExit: ended.resolve,
  });
  started.push(kept);
  return { kept, ended: ended.promise, said };
}

const contextOf = async (name: string): Promise<LabContext> =>
  JSON.parse(await readFile(join(labs, name, 'context.json'), 'utf8')) as LabContext;
/** A lab is up in 4 s; two at once, beside other work, were not in 10. */
const withinMs = 30_000;

const ready = (name: string): Promise<LabContext> => eventually(() => contextOf(name), withinMs);

async function inLab(context: LabContext, netns: string, ...argv: string[]): Promise<string> {
  const [file, ...args] = labExecArgv(context, netns, argv);
  return (await run({ file, args })).stdout;
}

const alive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

const gone = async (starter: Starter, context: LabContext): Promise<void> => {
  await eventually(async () => !alive(context.pid) && (await readdir(runtime)).length === 0, withinMs);
  await starter.ended;
};

test.each(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGKILL'] as const)('%s removes the lab without a trace', async (signal) => {
  const starter = await start();
  const context = await ready('lab1');
  expect(await inLab(context, 'client', 'ping', '-c1', '-W2', '198.18.100.10')).toContain('1 received');
  process.kill(starter.kept.pid, signal);
  await gone(starter, context);
});

test.each(['SIGINT', 'SIGTERM', 'SIGKILL'] as const)('%s to npm alone removes the lab too', async (signal) => {
  const starter = await startBy('npm', '--prefix', tree, 'start', '--', '--bare');
  const context = await ready('lab1');
  process.kill(starter.kept.pid, signal);
  await gone(starter, context);
  expect(await readdir(runtime)).toEqual([]);
});

test('two labs stand side by side, and one goes alone', async () => {
  const [one] = await Promise.all([start(), start()]);
  const [first, second] = await Promise.all([ready('lab1'), ready('lab2')]);
  await inLab(first, 'client', 'ip', 'link', 'add', 'mark', 'type', 'veth');
  expect(await inLab(second, 'client', 'ip', '-br', 'link')).not.toContain('mark');
  process.kill(one.kept.pid, 'SIGTERM');
  await eventually(async () => (await readdir(labs)).length === 1, withinMs);
  const left = await contextOf((await readdir(labs))[0] ?? '');
  expect(await inLab(left, 'client', 'ping', '-c1', '-W2', '198.18.100.10')).toContain('1 received');
});

test('a name is taken once', async () => {
  await start('--name', 'mine');
  await ready('mine');
  const second = await start('--name', 'mine');
  expect(await second.ended).toContain('exit code 1');
  expect(second.said.join('\n')).toContain('a lab called mine is running');
  expect(await readdir(labs)).toEqual(['mine']);
});

test('what a dead lab left behind is swept by the next start, what lives is not', async () => {
  await mkdir(join(labs, 'old'), { recursive: true, mode: 0o700 });
  await writeFile(join(labs, 'old', 'owner.json'), JSON.stringify({ pid: process.pid, startTicks: '1' }));
  await mkdir(join(labs, 'marked-by-nobody'));
  await start('--name', 'new');
  await ready('new');
  expect(await readdir(labs)).toEqual(['new']);
});

test("the directory is nobody else's, and another's is refused", async () => {
  await mkdir(labs, { mode: 0o755 });
  const refused = await start();
  expect(await refused.ended).toContain('exit code 1');
  expect(refused.said.join('\n')).toContain('must be a directory of your own with mode 0700');
});

test('the relay leads from a port of 127.0.0.1 to the socket of a daemon', async () => {
  await start();
  const context = await ready('lab1');
  const api = createServer((socket) => socket.end('hello from p2'));
  await new Promise<void>((resolve) => api.listen(join(labs, 'lab1', 'p2.api.sock'), resolve));
  const said = (node: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const port = Number(context.daemons.find((daemon) => daemon.node === node)?.address.split(':')[1]);
      let text = '';
      connect(port, '127.0.0.1')
        .on('data', (chunk) => {
          text += chunk.toString();
        })
        .on('end', () => resolve(text))
        .on('error', reject);
    });
  expect(await said('p2')).toBe('hello from p2');
  expect(await said('p1').catch(() => '')).toBe('');
  await new Promise((resolve) => api.close(resolve));
});

test('a command of ours runs in its machine with its terminal, and an unknown namespace is named', async () => {
  await start();
  const context = await ready('lab1');
  const argv = labExecArgv(context, 'p1t', ['sh', '-c', 'tty; wireguard-go p44m; wg show interfaces; pwd']);
  const line = argv.map((word) => `'${word}'`).join(' ');
  const { stdout } = await run({ file: 'script', args: ['--quiet', '--return', '--command', line, '/dev/null'] });
  expect(stdout).toMatch(/\/dev\/pts\/\d+/);
  expect(stdout).toContain('p44m');
  // The other machine has interfaces and sockets of its own.
  expect(await inLab(context, 'p2t', 'wg', 'show', 'interfaces')).toBe('');
  expect(() => labExecArgv(context, 'nowhere', ['true'])).toThrow('no namespace nowhere in this lab; there are p1t');
});

test("tools that were built stand in the lab in the place of the system's, and the banner says which it has", async () => {
  const tools = await mkdtemp('/tmp/tools-');
  for (const name of ['etcd', 'wireguard-go'])
    await writeFile(join(tools, name), `#!/bin/sh\necho our own ${name}\n`, { mode: 0o755 });
  const own = await startIn({ POP44_TOOLS: tools }, process.execPath, main, '--bare');
  const context = await ready('lab1');
  expect(await inLab(context, 'p1t', 'sh', '-c', 'etcd; wireguard-go')).toBe('our own etcd\nour own wireguard-go\n');
  await eventually(() => own.said.includes('etcd and wireguard-go: as npm run tools has built them'), withinMs);
  await rm(tools, { recursive: true });
  const without = await startIn({ POP44_NO_TOOLS: 'no Go' }, process.execPath, main, '--bare');
  expect(await inLab(await ready('lab2'), 'p1t', 'etcd', '--version')).toMatch(/^etcd Version: /);
  const line = 'etcd and wireguard-go: those of the system; no tools built from Go modules: no Go';
  await eventually(() => without.said.includes(line), withinMs);
});
