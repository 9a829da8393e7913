// Pace: how many are called at a time, and when each is called again.
//
// Answers that stand in a queue, here or at a client's end, for longer than the gap between two calls are not taken any more, and made
// for nothing: where 300 handshakes a second are made, 100 at a time were called twice to five times each. So a gap grows by what
// answers are seen to wait, and fewer are called at a time while they do.

export interface Called {
  /** There and back, milliseconds; 0: not known. */
  readonly rttMs: number;
  readonly tries: number;
  /** Of the first try. */
  readonly calledMs: number;
}

export interface Pace {
  /** So many may be open. */
  window(): number;
  /** Milliseconds until one that has not answered is called again. */
  gapAfter(call: Called): number;
  /** @param lookedMs when it had not answered yet: what has come since may have come at once */
  answered(call: Called, lookedMs: number): void;
  /** It is called again. */
  silent(call: Called): void;
}

/** Unanswered at a time, at most, and at first. */
export const mostOpen = 100;
const leastOpen = 24;
/** Until the endpoint has moved upstream: 0 or 1 calls more (26 of 26, measured). */
const leastGapMs = 100;
const longestGapMs = 1_600;
/** Half of the least gap. */
const fewQueuedMs = 50;
/** Twice as much is the longest gap: whoever has not come by then stands in no queue. */
const mostQueuedMs = longestGapMs / 2;
/** RFC 6298 2 has an eighth of one sample in each round trip; here come many. */
const weightOfLast = 1 / 4;

const weightOfSilence = 1 / 8;

export function createPace(): Pace {
  let window = leastOpen;
  /** That answers wait beyond the way there and back. */
  let queuedMs = 0;
  /** The least that anybody has waited whose way is not known: what is more of that is a queue. */
  let leastMs = Number.POSITIVE_INFINITY;
  const adjust = (): void => {
    window = Math.min(mostOpen, Math.max(leastOpen, window + (queuedMs < fewQueuedMs ? 1 : -1)));
  };
  return {
    window: () => window,
    gapAfter: ({ tries, rttMs }) =>
      Math.min(longestGapMs, Math.max(leastGapMs, 2 * rttMs) * 2 ** (tries - 1)) + 2 * queuedMs,
    answered: ({ tries, calledMs, rttMs }, lookedMs) => {
      // Of others it is not known which call they answer (Karn's algorithm, RFC 6298 3).
      if (tries !== 1) return;
      const answeredMs = Math.max(0, lookedMs - calledMs);
      if (rttMs === 0) leastMs = Math.min(leastMs, answeredMs);
      const waitedMs = Math.min(mostQueuedMs, Math.max(0, answeredMs - (rttMs === 0 ? leastMs : rttMs)));
      queuedMs += weightOfLast * (waitedMs - queuedMs);
      adjust();
    },
    // Who is away stands in no queue, and where only such are left nobody tells that it has gone.
    silent: ({ tries }) => {
      if (tries !== 1) return;
      queuedMs *= 1 - weightOfSilence;
      adjust();
    },
  };
}
