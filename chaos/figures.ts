// Figures: what a history says of speed and outcomes.

import type { Attempt, Outcome } from './history.ts';

export interface Second {
  readonly ok: number;
  readonly refused: number;
  readonly unknown: number;
  readonly unavailable: number;
  /** Milliseconds, of what was acknowledged in this second. */
  readonly p50: number;
  readonly p99: number;
}

/** The q-th quantile (0 to 1) by nearest rank; 0 of nothing. */
export function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(q * sorted.length) - 1))] ?? 0;
}

const latencies = (attempts: readonly Attempt[]): readonly number[] =>
  attempts
    .filter(({ outcome }) => outcome === 'ok')
    .map(({ invokedNs, returnedNs }) => (returnedNs - invokedNs) / 1e6)
    .sort((a, b) => a - b);

export function countOutcomes(attempts: readonly Attempt[]): Readonly<Record<Outcome, number>> {
  const counts = { ok: 0, refused: 0, unavailable: 0, unknown: 0 };
  for (const { outcome } of attempts) counts[outcome] += 1;
  return counts;
}

/** By the second in which the answer came. */
export function seconds(attempts: readonly Attempt[], beganNs: number): readonly Second[] {
  const bySecond = Map.groupBy(attempts, ({ returnedNs }) => Math.floor((returnedNs - beganNs) / 1e9));
  const last = Math.max(0, ...bySecond.keys());
  return Array.from({ length: last + 1 }, (_, second) => {
    const some = bySecond.get(second) ?? [];
    const sorted = latencies(some);
    return { ...countOutcomes(some), p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99) };
  });
}

/** Acknowledged requests a second between two moments, repeats aside. */
export function acknowledgedPerSecond(attempts: readonly Attempt[], fromNs: number, toNs: number): number {
  const some = attempts.filter(
    ({ outcome, repeated, returnedNs }) => outcome === 'ok' && !repeated && returnedNs >= fromNs && returnedNs < toNs,
  );
  return (some.length * 1e9) / (toNs - fromNs);
}

/** Over the whole run, in milliseconds. */
export function latencySummary(
  attempts: readonly Attempt[],
): Readonly<Record<'p50' | 'p90' | 'p99' | 'worst', number>> {
  const sorted = latencies(attempts);
  return {
    p50: quantile(sorted, 0.5),
    p90: quantile(sorted, 0.9),
    p99: quantile(sorted, 0.99),
    worst: quantile(sorted, 1),
  };
}

/** Milliseconds since the traffic began. */
export interface Gap {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Times between two answers that granted something. */
function between(attempts: readonly Attempt[], beganNs: number): readonly Gap[] {
  const answered = attempts.flatMap(({ outcome, returnedNs }) => (outcome === 'ok' ? [returnedNs] : []));
  const sorted = answered.sort((a, b) => a - b).map((at) => (at - beganNs) / 1e6);
  return sorted.slice(1).map((toMs, before) => ({ fromMs: sorted[before] ?? toMs, toMs }));
}

/** Those worth showing: a client would notice. */
const noticedMs = 500;

export const gapsOf = (attempts: readonly Attempt[], beganNs: number): readonly Gap[] =>
  between(attempts, beganNs).filter(({ fromMs, toMs }) => toMs - fromMs >= noticedMs);

/** Milliseconds between two answers that granted something, at the most; 0 of less than two. */
export const longestGapMs = (attempts: readonly Attempt[]): number =>
  between(attempts, 0).reduce((most, { fromMs, toMs }) => Math.max(most, toMs - fromMs), 0);

/** Milliseconds from the end of the last fault to the first answer that granted what was asked after it; undefined: none did. */
export function grantedAgainMs(attempts: readonly Attempt[], healedNs: number): number | undefined {
  const granted = attempts.filter(({ outcome, invokedNs }) => outcome === 'ok' && invokedNs >= healedNs);
  const soonest = Math.min(...granted.map(({ returnedNs }) => returnedNs));
  return granted.length === 0 ? undefined : (soonest - healedNs) / 1e6;
}
