// Denials: how much of our table's rules refused, for single prefixes. Read when somebody asks, never in a comparison:
// one element costs a process (6 ms), however many there are.

import { nftTable } from '#internal/dataplane/ownership.ts';
import { demand, isPrefix } from '#internal/driver/driver.ts';
import { run } from '#internal/exec/exec.ts';
import { parseCounter } from './parse.ts';

export interface Denied {
  readonly prefix: string;
  readonly packets: number;
  readonly bytes: number;
}

/** A tunnel has 16 prefixes at most. */
const mostPrefixes = 16;

/** `setOf` names the set that counts packets for a prefix. Those without a count are left out. */
export async function readDenials(
  netns: string,
  prefixes: readonly string[],
  setOf: (prefix: string) => string,
): Promise<readonly Denied[]> {
  demand(prefixes.length <= mostPrefixes, `at most ${mostPrefixes} prefixes`, prefixes.length);
  const denied: Denied[] = [];
  for (const prefix of prefixes) {
    demand(isPrefix(prefix), 'a prefix', prefix);
    const args = ['get', 'element', 'inet', nftTable, setOf(prefix), `{ ${prefix.split('/')[0]} }`];
    // 1: there is none, or no such set yet.
    const { stdout, exitCode } = await run({ file: 'nft', args, netns, accept: [0, 1] });
    const counter = exitCode === 0 ? parseCounter(stdout) : undefined;
    if (counter !== undefined) denied.push({ prefix, ...counter });
  }
  return denied;
}
