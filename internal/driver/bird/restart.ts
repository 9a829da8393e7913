// Restart: another BIRD in the place of the one that runs, with the same text, and not a route less meanwhile.

import type { Clock } from '#internal/clock/clock.ts';
import { Fault } from '#internal/errors/errors.ts';
import type { Log } from '#internal/log/log.ts';
import type { Daemon } from './daemon.ts';
import { order } from './order.ts';
import { establishedIn, parseProtocols } from './parse.ts';
import { commands } from './render.ts';

/** Sessions take 1 to 3 s; neighbours keep its routes for longer than this (desired/bird.ts). */
const backMs = 15_000;
const pollMs = 20;

export interface RestartParts {
  readonly daemon: Daemon;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Over when all sessions are back that there were. `started`: what is to be remembered of the new one.
 * @throws Fault `bird` with those that are not; it runs on
 */
export async function restartKeeping(
  { daemon, clock, log }: RestartParts,
  started: () => Promise<void>,
): Promise<void> {
  const { netns } = daemon;
  const established = async (): Promise<ReadonlySet<string>> =>
    establishedIn(parseProtocols((await order(daemon, commands.protocols)).lines));
  const before = [...(await established())];
  log.warn('bird-restarts', { netns, sessions: before.length });
  await daemon.restart();
  await started();
  const deadline = clock.monotonicMs() + backMs;
  for (;;) {
    const now = await established();
    const missing = before.filter((name) => !now.has(name));
    if (missing.length === 0) return;
    if (clock.monotonicMs() > deadline)
      throw new Fault(
        'bird',
        `BIRD of ${netns}: ${missing.join(', ')} did not come back within ${backMs / 1_000} s of its restart`,
      );
    await clock.sleep(pollMs);
  }
}
