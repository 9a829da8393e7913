// Clock offset: how far another node's clock is ahead of ours, from the round trips that the mesh measures anyway.
//
// One sample is their wall clock when they sent, half a round trip later, against ours; it is wrong by at most half
// that round trip (RFC 5905 8). Of the newest samples the one of the shortest round trip is the best (RFC 5905 10).

/** Samples, one a second: RFC 5905's NSTAGE, so that a clock that was set anew shows in 8 s. */
const keptSamples = 8;

export interface ClockSample {
  /** Wall clock of the other side when its frame was sent; 0: it does not tell. */
  readonly sentWallMs: number;
  /** Own wall clock when the frame came. */
  readonly heardWallMs: number;
  /** Round trip that the same frame showed. */
  readonly rttMs: number;
}

export interface ClockOffset {
  /** The estimate with this sample in it; positive: the other clock is ahead. Undefined until one can be used. */
  sample(of: ClockSample): number | undefined;
}

export function createClockOffset(): ClockOffset {
  let kept: readonly { readonly offsetMs: number; readonly rttMs: number }[] = [];
  return {
    sample: ({ sentWallMs, heardWallMs, rttMs }) => {
      // A monotonic clock that was resumed, or nonsense from the other side, must not stay as the shortest round trip.
      if (sentWallMs > 0 && rttMs >= 0)
        kept = [...kept, { offsetMs: sentWallMs + rttMs / 2 - heardWallMs, rttMs }].slice(-keptSamples);
      const [first, ...rest] = kept;
      if (first === undefined) return undefined;
      // Of equals the newest.
      return rest.reduce((best, next) => (next.rttMs <= best.rttMs ? next : best), first).offsetMs;
    },
  };
}

/**
 * How far the own clock is ahead of the median of all, by how far others are ahead of it. Between two middle ones the one that is
 * nearer: of two clocks nobody can tell which is wrong.
 */
export function aheadOfMedian(others: readonly number[]): number {
  const all = [0, ...others].sort((a, b) => a - b);
  const middle = [all[(all.length - 1) >> 1] ?? 0, all[all.length >> 1] ?? 0];
  const [median = 0] = middle.sort((a, b) => Math.abs(a) - Math.abs(b));
  return median === 0 ? 0 : -median;
}
