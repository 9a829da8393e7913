// Followed files: certificates that are read again when their files change, without a restart.

import { statSync } from 'node:fs';
import type { Clock } from '#internal/clock/clock.ts';
import { messageOf } from '#internal/errors/errors.ts';
import type { Log } from '#internal/log/log.ts';

const lookEveryMs = 10_000;

/** Of all of them, to be taken before they are read; one that is missing, or may not be looked at, is a version of its own. */
export const versionOf = (files: readonly string[]): string =>
  files
    .map((file) => {
      try {
        return statSync(file).mtimeMs;
      } catch (thrown) {
        return messageOf(thrown);
      }
    })
    .join(' ');

export interface FollowAround {
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** The version that is in use. */
  readonly version: string;
}

/**
 * Calls `take` within 10 s of each change until it has not thrown: a file may be half written. Until then what was taken
 * before goes on. Resolves when the signal ends it, and never rejects.
 * @param files the first names them in the log
 */
export async function followFiles(
  files: readonly string[],
  take: () => void,
  { clock, log, signal, version }: FollowAround,
): Promise<void> {
  const [file] = files;
  let seen = version;
  for (;;) {
    try {
      await clock.sleep(lookEveryMs, signal);
    } catch {
      return;
    }
    const now = versionOf(files);
    if (now === seen) continue;
    try {
      take();
      seen = now;
      log.info('certificate-read', { file });
    } catch (thrown) {
      log.warn('certificate-unusable', { file, reason: messageOf(thrown) });
    }
  }
}
