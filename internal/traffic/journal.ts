// Journal: lines that are added to a file, which is written anew when it has grown to twice what it must hold.
//
// A process that dies in the middle of a line leaves a torn one, which says nothing; the new file takes the old one's
// place in one step. Nothing waits for the disk: what a machine that loses its power forgets are seconds.

import { appendFile, readFile, rename, writeFile } from 'node:fs/promises';

/** Bytes; 10,000 tunnels are 1.3 MB. */
const leastRoom = 256 * 1024;

export interface Journal {
  /** `all` gives the lines of a new file, when one is due. One call at a time. */
  append(lines: readonly string[], all: () => readonly string[]): Promise<void>;
}

const textOf = (lines: readonly string[]): string =>
  lines.flatMap((line) => (line === '' ? [] : [`${line}\n`])).join('');

/** Gives each line that is there to `read`. A file that cannot be read is begun anew: its totals are lost, and said so by 0. */
export async function openJournal(file: string, read: (line: string) => void): Promise<Journal> {
  const text = await readFile(file, 'utf8').catch(() => '');
  for (const line of text.split('\n')) if (line !== '') read(line);
  // Unknown how much of it is still needed, and whether its last line ends: the first write makes it anew.
  let room = 0;
  let grown = 0;
  return {
    async append(lines, all) {
      const added = textOf(lines);
      if (grown + added.length <= room) {
        await appendFile(file, added, { mode: 0o600 });
        grown += added.length;
        return;
      }
      const whole = textOf(all());
      await writeFile(`${file}.new`, whole, { mode: 0o600 });
      await rename(`${file}.new`, file);
      room = Math.max(leastRoom, whole.length);
      grown = 0;
    },
  };
}
