// Distance: how many times farther a neighbour is than the nearest one, in doublings of the round trip.

/** Twice a second one: the shortest of 8 s, since whatever delays an answer only adds to it (RFC 5905 10). */
const keptSamples = 16;
/** Milliseconds; of what is nearer nobody notices which is taken, and a busy machine answers as late. */
const nearMs = 10;
/** A neighbour four times as far gets a quarter, and one that is farther no less: it is a path all the same. */
const most = 2;
/** Between two steps the one before stays. */
const margin = 1.25;

export const withSample = (kept: readonly number[], rttMs: number | undefined): readonly number[] =>
  rttMs === undefined || !(rttMs >= 0) ? kept : [...kept, rttMs].slice(-keptSamples);

export const shortest = (kept: readonly number[]): number | undefined =>
  kept.length === 0 ? undefined : Math.min(...kept);

/** @param best of all neighbours that are known */
export function doublings(rttMs: number | undefined, best: number | undefined, before: number): number {
  if (rttMs === undefined || best === undefined) return 0;
  const ratio = Math.max(nearMs, rttMs) / Math.max(nearMs, best);
  const least = Math.floor(Math.log2(ratio / margin));
  const highest = Math.floor(Math.log2(ratio * margin));
  return Math.min(most, Math.max(0, least, Math.min(before, highest)));
}
