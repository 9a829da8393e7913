// Denials: how much our table's rules refused, for single prefixes. Read when somebody asks, never in a comparison.

import { nftTable } from '#internal/dataplane/ownership.ts';
import { demand, isPrefix } from '#internal/driver/driver.ts';
import { run } from '#internal/exec/exec.ts';
import { parseCounters } from './parse.ts';

export interface Denied {
  readonly prefix: string;
  readonly packets: number;
  readonly bytes: number;
}

/** A tunnel has 16 prefixes at most. */
const mostPrefixes = 16;

const firstOf = (prefix: string): string => prefix.slice(0, prefix.indexOf('/'));

/**
 * `setOf` names the set that counts packets for a prefix. Those without a count are left out. The whole set is listed:
 * it has only what was refused lately, and nft 1.0.6 reads the table with all elements to `get` one of them (8 s with
 * 200,000 of them, 20 ms to list this set, measured).
 */
export async function readDenials(
  netns: string,
  prefixes: readonly string[],
  setOf: (prefix: string) => string,
): Promise<readonly Denied[]> {
  demand(prefixes.length <= mostPrefixes, `at most ${mostPrefixes} prefixes`, prefixes.length);
  for (const prefix of prefixes) demand(isPrefix(prefix), 'a prefix', prefix);
  const denied: Denied[] = [];
  for (const set of new Set(prefixes.map(setOf))) {
    // 1: there is no such set yet.
    const args = ['-j', 'list', 'set', 'inet', nftTable, set];
    const { stdout, exitCode } = await run({ file: 'nft', args, netns, accept: [0, 1] });
    const counters = exitCode === 0 ? parseCounters(stdout) : new Map<string, never>();
    for (const prefix of prefixes) {
      const counter = setOf(prefix) === set ? counters.get(firstOf(prefix)) : undefined;
      if (counter !== undefined) denied.push({ prefix, ...counter });
    }
  }
  return denied;
}
