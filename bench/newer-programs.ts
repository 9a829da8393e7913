// Newer programs: those that `npm run tools` has built take the place of the system's, in the bench's own mount namespace.

import { run } from '#internal/exec/exec.ts';
import { newerPrograms, whyNoTools } from '#internal/testkit/tools.ts';

/** Says which. */
export async function newerProgramsHere(): Promise<string> {
  const programs = newerPrograms();
  for (const [name, path] of programs) {
    const { stdout } = await run({ file: 'sh', args: ['-c', `command -v ${name}`] });
    await run({ file: 'mount', args: ['--bind', path, stdout.trim()] });
  }
  return programs.size === 0 ? whyNoTools() : `${[...programs.keys()].join(' and ')} as npm run tools has built them`;
}
