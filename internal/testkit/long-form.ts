// Long form: tests that take longer than ten minutes have room for when everything is run at once.

import type { TestContext } from 'vitest';

/** Skips a test in a run of all; `npm test -- PATH` runs it. */
export function onlyByName({ skip }: Pick<TestContext, 'skip'>, path: string): void {
  if (process.env['POP44_ALL'] !== undefined) skip(`allowed: too long for a run of all; npm test -- ${path} runs it`);
}
