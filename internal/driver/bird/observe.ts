// Observe: the file's text is what BIRD runs when BIRD has loaded nothing since we loaded just this text.

import { readFile } from 'node:fs/promises';
import type { Bird } from '#internal/dataplane/dataplane.ts';
import type { Daemon } from './daemon.ts';
import { hashOf, type Loaded } from './kept.ts';
import { parseStatus, type Status } from './parse.ts';
import { commands } from './render.ts';

/**
 * BIRD keeps its times by the monotonic clock and tells them by the other: every answer reckons anew, and the clocks are
 * read one after the other. 2 of 300 times were told in two ways a millisecond apart on a quiet machine (measured); a
 * busy one may be taken off the processor in between.
 */
const sameMomentMs = 100;

const isSameMoment = (a: string, b: string): boolean =>
  a === b || Math.abs(Date.parse(a) - Date.parse(b)) <= sameMomentMs;

/** BIRD that has undone a text tells the time of the one before again (measured, 2.0.12). */
export const runs = (loaded: Loaded, status: Status): boolean =>
  isSameMoment(status.rebootAt, loaded.rebootAt) && isSameMoment(status.reconfiguredAt, loaded.reconfiguredAt);

/** Empty when BIRD does not run, or runs something that we do not know or that is on trial. */
export async function observeDaemon(daemon: Daemon): Promise<readonly Bird[]> {
  const reply = await daemon.ask(commands.status);
  const loaded = daemon.loaded.read();
  if (reply === undefined || loaded === undefined) return [];
  const text = await readFile(daemon.files.config, 'utf8').catch(() => undefined);
  const same = text !== undefined && hashOf(text) === loaded.sha256 && runs(loaded, parseStatus(reply));
  const { told = text, lifelines, generation } = loaded;
  return same && told !== undefined
    ? [{ netns: daemon.netns, text: told, lifelines, ...(generation !== undefined && { generation }) }]
    : [];
}
