// Files: one that is replaced whole or not at all, whenever the process or the machine stops.
//
// On the path: whoever keeps a certificate, or what it knows, between two starts writes it by this.
// Never: knows what is in a file, or makes the folder that it lies in.

import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Puts `text` in place of what `file` holds. Another process that reads it meanwhile sees the old text or the new one.
 * @param mode of the new file, whatever the old one's was: 0o600 for a key
 * @throws what node:fs says: no such folder, no right to write into it, no space
 */
export async function replaceFile(file: string, text: string, mode: number): Promise<void> {
  const beside = `${file}.new`;
  // What an earlier try left may be of another mode, which opening it would keep.
  await rm(beside, { force: true });
  {
    await using handle = await open(beside, 'wx', mode);
    await handle.writeFile(text);
    await handle.sync();
  }
  await rename(beside, file);
  await using folder = await open(dirname(file));
  await folder.sync();
}
