//   npm start -- --check:  pools, a tunnel, wg-quick, both directions, a move, the end of the tunnel
//
//   host ---- inet ---- p1, p2, p3 (pop44)
//              |
//              +-- cgnat -- home --+-- client
//              +-- cafe -----------+

import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { run } from '#internal/exec/exec.ts';
import { pace } from '../pace.ts';
import { programsEnv } from '../programs.ts';
import type { CheckResult } from './check.ts';

const main = fileURLToPath(new URL('../../../cmd/lab/main.ts', import.meta.url));

test('the main job: a device behind two NATs gets its address, keeps it when it moves, and is gone when deleted [U1] [A1] [A3] [T1] [T5]', async () => {
  const runtime = await mkdtemp('/tmp/runtime-');
  const env = { ...programsEnv(), XDG_RUNTIME_DIR: runtime, POP44_KERNEL: process.env['POP44_KERNEL'] ?? '' };
  const { exitCode, stdout, stderr } = await run({
    file: process.execPath,
    args: [main, '--check'],
    env,
    timeoutMs: 55_000 * pace,
    accept: [0, 1],
  });
  const result = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as CheckResult;
  expect({ exitCode, stderr, ok: result.ok }).toEqual({ exitCode: 0, stderr: '', ok: true });
  expect(result.steps.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['the same address outwards', 'gone from every node', 'remove everything']),
  );
  expect(await readdir(runtime)).toEqual([]);
  await rm(runtime, { recursive: true });
});
