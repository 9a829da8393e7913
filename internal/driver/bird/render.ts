// Render: commands for the control socket, and the names of a daemon's files.

import { join } from 'node:path';
import { type Bird, type Netns, sealedPasswords } from '#internal/dataplane/dataplane.ts';
import { demand } from '#internal/driver/driver.ts';

export interface Files {
  /** The text that is vouched for, with which BIRD starts. */
  readonly config: string;
  /** A text that nobody has vouched for yet: BIRD may run it, on trial. */
  readonly candidate: string;
  readonly socket: string;
  readonly pid: string;
  readonly log: string;
  /** What is known of the loaded text, of one on trial and of one that was undone (kept.ts). */
  readonly loaded: string;
  readonly tried: string;
  readonly undone: string;
}

export function filesOf(runDir: string, netns: Netns): Files {
  // It stands between quotes in BIRD's language.
  demand(/^\/[^"\n]*$/.test(runDir), 'an absolute path', runDir);
  const file = (suffix: string): string => join(runDir, `${netns}.bird.${suffix}`);
  return {
    config: file('conf'),
    candidate: file('candidate'),
    socket: file('ctl'),
    pid: file('pid'),
    log: file('log'),
    loaded: file('loaded'),
    tried: file('tried'),
    undone: file('undone'),
  };
}

/**
 * BIRD runs with our rights and can read, write and route anything. The text is desired's, which needs no file and no
 * table of the machine's own; it comes over a socket from the half that faces the network.
 * @throws Fault `invalid`
 */
export function checkBird({ text: whole, lifelines }: Bird): void {
  for (const { sessions } of lifelines)
    for (const name of sessions) demand(/^[a-z0-9_-]{1,64}$/.test(name), 'the name of a session', name);
  const text = whole.replaceAll(sealedPasswords, '');
  for (const [, string = ''] of text.matchAll(/"([^"]*)"/g))
    demand(/^[a-zA-Z0-9*._-]{0,32}$/.test(string), 'the name of an interface', string);
  const plain = text.replaceAll(/"[^"]*"/g, '');
  for (const [token] of plain.matchAll(
    /["'#]|\/\*|\b(?:include|log|mrtdump|mrt|filename|eval|password|define|template)\b/gi,
  ))
    demand(false, 'allowed in a configuration of BIRD', token);
  // The last table of a block holds for BIRD, and one that is computed could be any: one each, and in digits.
  const [before = '', ...kernels] = plain.split(/\bprotocol\s+kernel\b/i);
  const tablesIn = (part: string): readonly (string | undefined)[] =>
    [...part.matchAll(/\bkernel\s+table\b(?:\s+(\d{1,10})\s*;)?/gi)].map(([, number]) => number);
  demand(tablesIn(before).length === 0, 'a table of a protocol kernel', 'kernel table');
  for (const kernel of kernels) {
    const tables = tablesIn(kernel);
    // Without one it is the table main.
    demand(tables.length === 1 && tables[0] !== undefined, 'one table, in digits, for each protocol kernel', tables);
    const table = Number(tables[0]);
    // ip-rule(8): below 256 are those of the machine: 253 default, 254 main, 255 local. A number has 32 bits.
    demand(table > 255 && table <= 0xffff_ffff, 'a routing table of ours', table);
  }
}

export const commands = {
  check: (file: string): string => `configure check "${file}"`,
  /** The file that BIRD was started with stays the one that it would start with again. */
  load: (file: string, wayBackSeconds: number): string => `configure "${file}" timeout ${wayBackSeconds}`,
  /** Without a way back. */
  goTo: (file: string): string => `configure "${file}"`,
  confirm: 'configure confirm',
  undo: 'configure undo',
  status: 'show status',
  protocols: 'show protocols',
  /** Of an OSPF: without its name BIRD answers where it has one alone. */
  neighbors: (ospf: string): string => `show ospf neighbors ${ospf}`,
  routes: ({ name, table }: { readonly name: string; readonly table: string }): string =>
    `show route table ${table} protocol ${name}`,
  end: 'down',
  /** It ends, its routes stay, and neighbours are left to think that it comes back (RFC 4724). */
  leave: 'graceful restart',
} as const;
