// Conntrack: ends the open flows of prefixes that a node has given up, in the pop namespace's table, by conntrack(8), and hands
// over those of tunnels that move to another node.
//
// On the path: after the last step that took a prefix away the applier says so, and waits a moment.
// Never: holds what is wanted; a flow is the kernel's, and goes away by itself where nobody ends it.

import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '#internal/clock/clock.ts';
import { type Flow, mostFlows } from '#internal/dataplane/dataplane.ts';
import { demand, isPrefix } from '#internal/driver/driver.ts';
import { messageOf } from '#internal/errors/errors.ts';
import { run } from '#internal/exec/exec.ts';
import type { Log } from '#internal/log/log.ts';
import { flowLine, flowsIn, idleSeconds } from './carried.ts';
import { holdingFlows, isOfAny } from './listing.ts';

export interface Flows {
  /**
   * Ends what is open from and to these prefixes, and those of an earlier call that failed. O(table of flows) for each
   * prefix that has any; comes back when it is done, at the latest after a second, and goes on then. What fails is tried
   * again with the next call. @throws Fault `invalid`: one is not a prefix
   */
  end(prefixes: readonly string[]): Promise<void>;
  /**
   * What is open from and to these prefixes; of more than `mostFlows` those that were quiet longest are left out, and the log
   * says so. O(table of flows + prefixes). @throws Fault `invalid`: one is not a prefix
   */
  open(prefixes: readonly string[]): Promise<readonly Flow[]>;
  /** Opens flows as another node had them, after what was to end before; those that stand stay as they are. @throws Fault `invalid`: one is none */
  carry(flows: readonly Flow[]): Promise<void>;
  close(): Promise<void>;
}

export interface FlowsOptions {
  /** File of the pop namespace. */
  readonly netns: string;
  /** Where its orders lie for a moment: conntrack(8) opens what it reads by name. */
  readonly runDir: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** A list of 60,000 flows takes 0.15 s of a core, and so does each deletion of some of them (measured). */
const timeoutMs = 120_000;
/** What a change waits for at most: flows of some prefixes among tens of thousands end in less. */
const patienceMs = 1_000;
/** Without one, abort() makes a DOMException with its stack for every change. */
const enough = 'no longer waited for';
/** Deletions of one process: at 0.15 s each far from its time limit. */
const mostAtOnce = 100;
/** So many are deleted without a look at which of them have flows. */
const unseen = 1;

/** Where a flow began, and where it leads; without translation its replies have no other addresses. */
const sides = ['-s', '-d'] as const;

const familyOf = (prefix: string): 4 | 6 => (prefix.includes(':') ? 6 : 4);

export function openFlows({ netns, runDir, clock, log }: FlowsOptions): Flows {
  const due = new Set<string>();
  let queue: Promise<unknown> = Promise.resolve();
  let told = '';
  let written = 0;

  /** One process for all of them: to start one costs the node more than what it does there. */
  async function carryOut(lines: readonly string[]): Promise<void> {
    if (lines.length === 0) return;
    written += 1;
    const file = join(runDir, `flows-${written}`);
    try {
      await writeFile(file, `${lines.join('\n')}\n`, { mode: 0o600 });
      await run({ file: 'conntrack', args: ['-R', file], netns, timeoutMs });
    } finally {
      await rm(file, { force: true });
    }
  }

  async function endingLines(family: 4 | 6, prefixes: readonly string[]): Promise<readonly string[]> {
    let open = prefixes;
    if (prefixes.length > unseen) {
      const { stdout } = await run({ file: 'conntrack', args: ['-L', '-f', `ipv${family}`], netns, timeoutMs });
      open = holdingFlows(stdout, prefixes);
    }
    return open.flatMap((prefix) => sides.map((side) => `-D -f ipv${family} ${side} ${prefix}`));
  }

  async function endDue(): Promise<void> {
    const prefixes = [...due];
    try {
      const lines: string[] = [];
      for (const family of [4, 6] as const) {
        const own = prefixes.filter((prefix) => familyOf(prefix) === family);
        if (own.length > 0) lines.push(...(await endingLines(family, own)));
      }
      // What there is none of is no failure there.
      for (let at = 0; at < lines.length; at += mostAtOnce) await carryOut(lines.slice(at, at + mostAtOnce));
      for (const prefix of prefixes) due.delete(prefix);
      told = '';
    } catch (cause) {
      // They stay due: the next comparison tries again. Told once.
      const reason = messageOf(cause);
      if (reason !== told) log.warn('flows-not-ended', { prefixes: prefixes.length, reason });
      told = reason;
    }
  }

  return {
    async end(prefixes) {
      for (const prefix of prefixes) {
        demand(isPrefix(prefix), 'a prefix', prefix);
        due.add(prefix);
      }
      if (due.size === 0) return;
      const turn = queue.then(endDue);
      queue = turn;
      const patience = new AbortController();
      await Promise.race([turn, clock.sleep(patienceMs, patience.signal).catch(() => undefined)]);
      patience.abort(enough);
    },
    async open(prefixes) {
      for (const prefix of prefixes) demand(isPrefix(prefix), 'a prefix', prefix);
      const found: Flow[] = [];
      for (const family of [4, 6] as const) {
        const own = prefixes.filter((prefix) => familyOf(prefix) === family);
        if (own.length === 0) continue;
        const { stdout } = await run({ file: 'conntrack', args: ['-L', '-f', `ipv${family}`], netns, timeoutMs });
        const isOwn = isOfAny(own);
        for (const flow of flowsIn(stdout)) if (isOwn(flow.from) || isOwn(flow.to)) found.push(flow);
      }
      if (found.length <= mostFlows) return found;
      log.warn('flows-left-behind', { flows: found.length - mostFlows });
      return found.sort((a, b) => idleSeconds(a) - idleSeconds(b)).slice(0, mostFlows);
    },
    async carry(flows) {
      const lines = flows.slice(0, mostFlows).map(flowLine);
      // After what is being ended: a tunnel that goes and comes back at once would lose what it brought.
      const turn = queue.then(() => carryOut(lines));
      queue = turn.catch(() => undefined);
      await turn;
    },
    close: async () => {
      await queue;
    },
  };
}
