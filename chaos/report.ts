// Report: what a run showed, for scripts (report.json) and for people (report.html).

import type { Verdict } from './check/invariant.ts';
import { countOutcomes, longestGapMs } from './figures.ts';
import { type Figure, shownFigure } from './goals.ts';
import type { DoneFault } from './fault.ts';
import type { Attempt, Sample } from './history.ts';

export interface Report {
  readonly scenario: string;
  readonly seed: number;
  readonly seconds: number;
  /** Versions of what took part: `etcd` to its version, and so on. */
  readonly versions: Readonly<Record<string, string>>;
  readonly faults: readonly DoneFault<string>[];
  readonly attempts: readonly Attempt[];
  /** When the traffic began, on the clock of the attempts; faults count from there. */
  readonly beganNs: number;
  /** What must always hold, and what makes the run worth anything. */
  readonly invariants: readonly Verdict[];
  /** Acknowledged requests a second before the first fault. */
  readonly quietPerSecond: number;
  /** How much was done and how soon it was over, each with what was promised of it. */
  readonly figures: readonly Figure[];
  /** When the last fault was over, on the same clock. */
  readonly healedNs: number;
  /** Faults that could not be done here, and why. */
  readonly left: readonly string[];
  readonly samples: readonly Sample[];
  readonly noise: { readonly connections: number; readonly cases: number };
}

export const holds = ({ invariants }: Pick<Report, 'invariants'>): boolean =>
  invariants.every(({ violations }) => violations === 0);

/** As DESIGN.md 12 has it; times in milliseconds since the traffic began. */
export function reportJson(report: Report): string {
  const { scenario, seed, seconds, faults, left, attempts, invariants, quietPerSecond, versions, noise } = report;
  const figures = report.figures.map(({ name, reached, wanted, unit }) => ({ name, reached, wanted, unit }));
  const told = {
    scenario,
    seed,
    seconds,
    faults,
    left,
    operations: countOutcomes(attempts),
    invariants,
    ok: holds(report),
    quietPerSecond: Math.round(quietPerSecond),
    longestGapMs: Math.round(longestGapMs(attempts)),
    // `reached` is null where it never was.
    figures,
    noise,
    versions,
  };
  return `${JSON.stringify(told, undefined, 2)}\n`;
}

/** One line an invariant, for a terminal. */
export function summary(report: Report): string {
  const { ok, refused, unavailable, unknown } = countOutcomes(report.attempts);
  const lines = report.invariants.map(({ name, checks, violations }) => {
    const verdict = violations > 0 ? 'BROKEN' : checks === 0 ? 'unseen' : 'holds ';
    return `  ${verdict}  ${name.padEnd(16)} ${String(checks).padStart(8)} checks  ${violations === 0 ? '' : `${violations} violations`}`;
  });
  const evidence = report.invariants.flatMap(({ name, evidence: some }) =>
    some.slice(0, 3).map((each) => `  ${name}: ${each}`),
  );
  return [
    `${report.faults.length} faults; ${ok} granted, ${refused} refused, ${unavailable} unavailable, ${unknown} unknown; ` +
      `${Math.round(report.quietPerSecond)} a second when quiet`,
    ...report.figures.map(({ name, reached, wanted, unit, bound }) => {
      const promised = wanted === undefined ? '' : ` (${shownFigure(wanted, unit)} at the ${bound})`;
      return `  ${name.padEnd(24)} ${shownFigure(reached, unit)}${promised}`;
    }),
    ...lines.map((line) => line.trimEnd()),
    ...evidence,
  ].join('\n');
}
