// Flow counts: how many states of flows a node of a pair has, and how many of its sibling it keeps, to the network half.

import type { Clock } from '#internal/clock/clock.ts';
import type { FlowCounts } from '#internal/driver/conntrackd/conntrackd.ts';
import type { FromDataplane } from '#internal/seam/seam.ts';

export interface FlowCountParts {
  /** Undefined: it does not run, or does not answer. */
  readonly counts: () => Promise<FlowCounts | undefined>;
  readonly isPair: () => boolean;
  readonly send: (message: FromDataplane) => void;
  readonly clock: Clock;
}

/** Milliseconds: a process of 5 ms each time. */
const tellEachMs = 5_000;

export async function tellFlows({ counts, isPair, send, clock }: FlowCountParts, signal: AbortSignal): Promise<void> {
  let told = false;
  while (!signal.aborted) {
    const found = isPair() ? await counts().catch(() => undefined) : undefined;
    // Of a node without a sibling nothing is told, but that it is one now.
    if (found !== undefined) send({ type: 'flows', flows: found.own, held: found.held });
    else if (told) send({ type: 'flows' });
    told = found !== undefined;
    await clock.sleep(tellEachMs, signal).catch(() => undefined);
  }
}
