// Observe: the file's text is what BIRD runs when BIRD has loaded nothing since we loaded just this text.

import { readFile } from 'node:fs/promises';
import type { Bird } from '#internal/dataplane/dataplane.ts';
import { type Daemon, hashOf } from './daemon.ts';
import { parseStatus } from './parse.ts';
import { commands } from './render.ts';

/** Empty when BIRD does not run, or runs something that we do not know. */
export async function observeDaemon(daemon: Daemon): Promise<readonly Bird[]> {
  const reply = await daemon.ask(commands.status);
  const loaded = daemon.loaded();
  if (reply === undefined || loaded === undefined) return [];
  const text = await readFile(daemon.files.config, 'utf8').catch(() => undefined);
  const status = parseStatus(reply);
  const same =
    text !== undefined &&
    hashOf(text) === loaded.sha256 &&
    status.rebootAt === loaded.rebootAt &&
    status.reconfiguredAt === loaded.reconfiguredAt;
  return same ? [{ netns: daemon.netns, text }] : [];
}
