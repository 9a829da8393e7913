import { expect, test } from 'vitest';
import { run } from '#internal/exec/exec.ts';
import { skippedWithoutTools, toolPath } from './tools.ts';

// Its whole suite runs again there: see the project of that name in vitest.config.ts.
test('the tests of etcd, election and store run on etcd 3.6 too', async (ctx) => {
  const file = toolPath('etcd');
  if (file === undefined) return ctx.skip(skippedWithoutTools());
  expect((await run({ file, args: ['--version'] })).stdout).toMatch(/^etcd Version: 3\.6\./);
});
