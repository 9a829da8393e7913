// Render: commands for the control socket, and the names of a daemon's files.

import { join } from 'node:path';
import type { Bird, Netns } from '#internal/dataplane/dataplane.ts';
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

/**
 * BIRD runs with our rights and can read, write and route anything. The text is desired's, which needs no file and no
 * table of the machine's own; it comes over a socket from the half that faces the network.
 * @throws Fault `invalid`
 */
export function checkBird({ text }: Bird): void {
  for (const [, string = ''] of text.matchAll(/"([^"]*)"/g))
    demand(/^[a-zA-Z0-9*._-]{0,32}$/.test(string), 'the name of an interface', string);
  const plain = text.replaceAll(/"[^"]*"/g, '');
  for (const [token] of plain.matchAll(/["'#]|\/\*|\b(?:include|log|mrtdump|mrt|filename|eval|password)\b/gi))
    demand(false, 'allowed in a configuration of BIRD', token);
  const kernels = plain.match(/\bprotocol\s+kernel\b/gi) ?? [];
  const tables = [...plain.matchAll(/\bkernel\s+table\s+(\d+)\s*;/gi)].map(([, number]) => Number(number));
  // Without one it is the table main. ip-rule(8): 253 default, 254 main, 255 local.
  demand(kernels.length === tables.length, 'a table for each protocol kernel', tables);
  for (const table of tables) demand(table > 255 || (table > 0 && table < 253), 'a routing table of ours', table);
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
