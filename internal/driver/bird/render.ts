// Render: commands for the control socket, and the names of a daemon's files.

import { join } from 'node:path';
import type { Netns } from '#internal/dataplane/dataplane.ts';
import { demand } from '#internal/driver/driver.ts';

export interface Files {
  readonly config: string;
  /** A text that nobody has vouched for yet. */
  readonly candidate: string;
  /** The text before the running one, until it is confirmed. */
  readonly previous: string;
  readonly socket: string;
  readonly pid: string;
  readonly log: string;
  /** What is known of the loaded text (daemon.ts). */
  readonly loaded: string;
}

export function filesOf(runDir: string, netns: Netns): Files {
  // It stands between quotes in BIRD's language.
  demand(/^\/[^"\n]*$/.test(runDir), 'an absolute path', runDir);
  const file = (suffix: string): string => join(runDir, `${netns}.bird.${suffix}`);
  return {
    config: file('conf'),
    candidate: file('candidate'),
    previous: file('previous'),
    socket: file('ctl'),
    pid: file('pid'),
    log: file('log'),
    loaded: file('loaded'),
  };
}

/** Seconds after which BIRD goes back by itself: longer than any probe of ours, shorter than a person's patience. */
const wayBackSeconds = 20;

export const commands = {
  check: (file: string): string => `configure check "${file}"`,
  load: `configure timeout ${wayBackSeconds}`,
  confirm: 'configure confirm',
  undo: 'configure undo',
  status: 'show status',
  protocols: 'show protocols',
  end: 'down',
} as const;
