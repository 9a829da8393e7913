import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { keep, run, spawnDetached } from './exec.ts';

const directory = mkdtempSync(join(tmpdir(), 'pop44-exec-'));
afterAll(() => rmSync(directory, { recursive: true }));

const sh = (script: string, ...rest: readonly string[]) => ({ file: 'sh', args: ['-c', script, 'sh', ...rest] });

test('a program runs with its input and gives its whole output', async () => {
  const output = await run({ file: 'cat', args: ['-'], input: 'one\ntwo\n' });
  expect(output).toEqual({ exitCode: 0, stdout: 'one\ntwo\n', stderr: '' });
});

test('a child gets the C locale and nothing of our environment', async () => {
  const { stdout } = await run({ file: 'env', args: [], env: { LOG_LEVEL: 'error' } });
  const names = stdout
    .trim()
    .split('\n')
    .map((line) => line.split('=')[0]);
  expect(names.sort()).toEqual(['HOME', 'LC_ALL', 'LOG_LEVEL', 'PATH']);
  expect(stdout).toContain('LC_ALL=C\n');
});

test('a failure tells argv, why it ended, then standard error, with secrets cut', async () => {
  const failing = run({ ...sh('echo "key $1 is bad" >&2; exit 3', 'hunter2'), secrets: ['hunter2'] });
  await expect(failing).rejects.toThrow('sh -c echo "key $1 is bad" >&2; exit 3 sh ***: exit code 3: key *** is bad');
});

test('an exit code that the caller accepts is no failure', async () => {
  const { exitCode, stderr } = await run({ ...sh('echo no >&2; exit 1'), accept: [0, 1] });
  expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: 'no\n' });
});

test('a program that does not end is killed at its deadline', async () => {
  await expect(run({ file: 'sleep', args: ['60'], timeoutMs: 50 })).rejects.toThrow('sleep 60: timed out after 50 ms');
});

test('a program that is not installed is named', async () => {
  await expect(run({ file: 'no-such-tool', args: [] })).rejects.toThrow('no-such-tool is not installed');
  await expect(run({ file: '/no/such/tool', args: [] })).rejects.toThrow('ENOENT');
  await expect(keep({ file: '/no/such/tool', args: [] })).rejects.toThrow('/no/such/tool');
});

test('a kept child answers by lines until it is stopped, and its end is told once', async () => {
  const lines: string[] = [];
  const ends: string[] = [];
  let heard = (): void => {};
  const first = new Promise<void>((resolve) => {
    heard = resolve;
  });
  const child = await keep({
    file: 'cat',
    args: [],
    onStdout: (line) => {
      lines.push(line);
      heard();
    },
    onExit: (reason) => ends.push(reason),
  });
  child.write('hello\n');
  await first;
  await child.stop();
  child.write('nobody hears this\n');
  expect(lines).toEqual(['hello']);
  expect(ends).toEqual(['cat: killed by SIGTERM']);
});

test('a detached child leads a session of its own and logs to its file', async () => {
  const logFile = join(directory, 'child.log');
  const pid = await spawnDetached({ ...sh('cut -d" " -f6 /proc/$$/stat; echo done; read x < /dev/null'), logFile });
  await expect.poll(() => readFileSync(logFile, 'utf8')).toBe(`${pid}\ndone\n`);
});

test('a kept child with a log file writes there, and its end is told', async () => {
  const logFile = join(directory, 'kept.log');
  await new Promise<string>((resolve, reject) => {
    keep({ ...sh('echo out; echo err >&2'), logFile, onExit: resolve }).catch(reject);
  });
  expect(readFileSync(logFile, 'utf8')).toBe('out\nerr\n');
});
