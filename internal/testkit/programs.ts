// Programs: what is started as a process: as it is installed (cmd/run/bundle.mjs), or its sources where npm's scripts have not
// bundled them.

import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const sources = {
  pop44: 'pop44/main',
  pop44d: 'pop44d/main',
  'pop44-web': 'pop44-web/main',
  lab: 'lab/inside',
} as const;
const variable = 'POP44_PROGRAMS';

/** The file that Node runs. `lab` is the inside of a lab. */
export function programFile(name: keyof typeof sources): string {
  const directory = process.env[variable] ?? '';
  return directory === ''
    ? fileURLToPath(new URL(`../../cmd/${sources[name]}.ts`, import.meta.url))
    : join(directory, `${name}.mjs`);
}

/** For children that start programs themselves, as nothing is inherited (exec). */
export const programsEnv = (): Readonly<Record<string, string>> => ({ [variable]: process.env[variable] ?? '' });
