// Watch: one kept `nft monitor`. It names the process behind each generation, by the number of the machine, not of
// our pid namespace: so a session is told by a change that only it can have made.

import { randomBytes } from 'node:crypto';
import type { Clock } from '#internal/clock/clock.ts';
import { nftTable } from '#internal/dataplane/ownership.ts';
import { Fault } from '#internal/errors/errors.ts';
import { keep } from '#internal/exec/exec.ts';
import { isOurs, parseMonitorLine } from './parse.ts';
import type { Session } from './session.ts';

export interface Watch {
  /** From now on changes of this session are our own. Leaves no trace in the ruleset. */
  recognise(session: Session): Promise<void>;
  stop(): Promise<void>;
}

export interface WatchOptions {
  /** File of the namespace. */
  readonly netns: string;
  readonly clock: Clock;
  /** Our table was changed by another, or changes were missed. */
  readonly onChange: (reason: string) => void;
  readonly onExit: (reason: string) => void;
}

/** The monitor listens a few ms after its start; until then it misses what we show it. */
const showAgainMs = 50;
const recogniseTimeoutMs = 5000;

export async function openWatch({ netns, clock, onChange, onExit }: WatchOptions): Promise<Watch> {
  let own: number | undefined;
  /** Tables of the generation whose lines are coming in. */
  let tables = new Set<string>();
  let shown = '';
  const child = await keep({
    file: 'nft',
    args: ['monitor'],
    netns,
    onStdout(line) {
      const event = parseMonitorLine(line);
      if (event?.type === 'change') tables.add(event.table);
      else if (event?.type === 'lost') onChange('nft monitor lost events');
      else if (event?.type === 'generation') {
        if (tables.has(shown)) own = event.pid;
        else if (event.pid !== own && [...tables].some(isOurs)) {
          onChange(`table inet ${nftTable} was changed by ${event.program} (process ${event.pid})`);
        }
        tables = new Set();
      }
    },
    onExit,
  });
  return {
    async recognise(session) {
      own = undefined;
      shown = `${nftTable}_${randomBytes(8).toString('hex')}`;
      const deadline = clock.monotonicMs() + recogniseTimeoutMs;
      while (own === undefined) {
        if (clock.monotonicMs() > deadline) throw new Fault('silent', 'nft monitor does not see our changes');
        await session.run(`table inet ${shown}; delete table inet ${shown}`);
        for (let waited = 0; own === undefined && waited < showAgainMs; waited += 2) await clock.sleep(2);
      }
    },
    stop: () => child.stop(),
  };
}
