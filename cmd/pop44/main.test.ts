import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { run } from '#internal/exec/exec.ts';

const main = fileURLToPath(new URL('main.ts', import.meta.url));
const pop44 = (...args: readonly string[]) =>
  run({ file: process.execPath, args: [...args.slice(0, -1), main, ...args.slice(-1)], accept: [0, 1, 2] });

test('help does not wait for what only calls need', async () => {
  // grpc-js takes 100 ms to load, and brings node:http2 with it.
  const tell =
    'process.on("exit",()=>process.stderr.write(String(process.moduleLoadList.includes("NativeModule http2"))))';
  const told = (word: string) => pop44('--import', `data:text/javascript,${tell}`, word);
  const help = await told('--help');
  expect(help.stdout).toContain('Usage: pop44');
  expect([help.exitCode, help.stderr]).toEqual([0, 'false']);
  expect((await told('status')).stderr).toMatch(/true$/);
});

test('a verb that does not exist is a usage error', async () => {
  expect(await pop44('pools')).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining('Did you mean') as unknown,
  });
});

test('a reader that has seen enough is no error', async () => {
  const piped = await run({
    file: 'bash',
    args: ['-o', 'pipefail', '-c', `${process.execPath} ${main} --help | true`],
  });
  expect(piped.stderr).toBe('');
});
