// Logs: the ends of a lab's logs, for whoever has to find out why something did not work.

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The last lines of every log that has any, `<service>: <line>`; a line that comes again at once is told once. */
export async function logTails(directory: string, linesEach: number): Promise<readonly string[]> {
  const folder = join(directory, 'log');
  const files = (await readdir(folder).catch(() => [])).sort();
  const tails = await Promise.all(
    files.map(async (file) => {
      const lines = (await readFile(join(folder, file), 'utf8'))
        .trimEnd()
        .split('\n')
        .filter((line, at, all) => line !== '' && line !== all[at - 1]);
      return lines.slice(-linesEach).map((line) => `${file.replace(/\.log$/, '')}: ${line}`);
    }),
  );
  return tails.flat();
}
