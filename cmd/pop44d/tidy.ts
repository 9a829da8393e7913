// Tidy: records that time alone makes obsolete, looked for by every daemon and taken away by who may.

import { randomUUID } from 'node:crypto';
import { messageOf } from '#internal/errors/errors.ts';
import { sweepAgainAndAgain } from '#internal/leader/leader.ts';
import type { Log } from '#internal/log/log.ts';
import { endWindowsAgainAndAgain } from '#internal/rotation/rotation.ts';

type SweepParts = Parameters<typeof sweepAgainAndAgain>[0];
type WindowParts = Parameters<typeof endWindowsAgainAndAgain>[0];

interface TidyParts
  extends Omit<SweepParts, 'fences' | 'failed' | 'newId'>,
    Omit<WindowParts, keyof SweepParts | 'failed'> {
  readonly store: SweepParts['store'] & WindowParts['store'];
  readonly head: SweepParts['head'] & WindowParts['head'];
  readonly election: {
    leading(): readonly string[];
    held(poolId: string): ReturnType<SweepParts['fences']>[number] | undefined;
  };
  readonly log: Log;
}

/** Ends by its signal. */
export async function tidyAgainAndAgain({ election, log, ...parts }: TidyParts, signal: AbortSignal): Promise<void> {
  await Promise.all([
    sweepAgainAndAgain(
      {
        ...parts,
        newId: randomUUID,
        fences: () => election.leading().flatMap((poolId) => election.held(poolId) ?? []),
        failed: (cause, pool) => log.warn('sweep-failed', { pool, reason: messageOf(cause) }),
      },
      signal,
    ),
    endWindowsAgainAndAgain(
      {
        ...parts,
        newId: randomUUID,
        failed: (cause) => log.warn('pop-key-window-stays', { reason: messageOf(cause) }),
      },
      signal,
    ),
  ]);
}
