// Tuning: the times of an election besides its lease.

export interface Tuning {
  /** What each rank below the best waits before it claims a pool: no herd, and a best that does not come blocks nobody. */
  readonly rankStepMs: number;
  /** For how long a better-ranked session must have stood before pools are handed over to it. */
  readonly settledMs: number;
  /** Between two handovers of this daemon. */
  readonly handoverPaceMs: number;
  /** A pool that a session was offered and did not take is not offered to it again for so long. */
  readonly offerAgainMs: number;
  /**
   * A leader's key with no session behind it is removed after so long: it was written by hand, or its session's key was
   * deleted by hand and is about to come back.
   */
  readonly orphanMs: number;
}

export const defaultTuning: Tuning = {
  rankStepMs: 150,
  settledMs: 10_000,
  handoverPaceMs: 1_000,
  offerAgainMs: 60_000,
  orphanMs: 10_000,
};
