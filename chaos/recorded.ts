// Recorded: what a run has left behind. The report is a function of it and of nothing else.

import type { Away } from './check/away.ts';
import type { Listed } from './check/complete.ts';
import { judge, judgeLab } from './check/judge.ts';
import type { EventLog } from './event-log.ts';
import type { DoneFault } from './fault.ts';
import { acknowledgedPerSecond } from './figures.ts';
import { figuresOf, type Goals, judgeGoals, type Reached } from './goals.ts';
import type { History } from './history.ts';
import { recoveryOf } from './recovery.ts';
import type { Report } from './report.ts';
import { judgeWorth, type Worth } from './worth.ts';

export interface Facts {
  readonly scenario: string;
  readonly seed: number;
  readonly seconds: number;
  readonly versions: Readonly<Record<string, string>>;
  /** Every kind that was to happen, and why others could not. */
  readonly kinds: readonly string[];
  readonly left: readonly string[];
  readonly faults: readonly DoneFault<string>[];
  /** On the clock of the attempts: when the traffic began, the first fault could come, the last was over. */
  readonly beganNs: number;
  readonly quietNs: number;
  readonly healedNs: number;
  /** It ran on a lab, where these kinds of fault may cost no packet. */
  readonly lab?: { readonly untouched: ReadonlySet<string> };
  /** See Evidence. */
  readonly away?: Away;
  /** Of the log. */
  readonly from: bigint;
  readonly to: bigint;
  readonly relisted: number;
  /** Principals whose requests all stand in the history. */
  readonly ours: ReadonlySet<string>;
  /** See Worth. */
  readonly staleCommits?: number;
  readonly deaths: readonly string[];
  readonly complaints: readonly string[];
  /** What the run promises of its figures. */
  readonly goals: Goals;
  /** Acknowledged requests a second that the traffic must have reached before the first fault. */
  readonly leastPerSecond: number;
  readonly secrets: { readonly places: number; readonly found: readonly string[] };
  /** Noise that was made at the API's door: fault-noise.ts. */
  readonly noise: { readonly connections: number; readonly cases: number };
}

export interface Recorded {
  readonly facts: Facts;
  readonly log: EventLog;
  readonly listings: readonly Listed[];
  readonly history: History;
}

/** The warm-up of the first second is not counted. */
const warmNs = 1e9;

export function reportOf({ facts, log, listings, history }: Recorded): Report {
  const { attempts } = history;
  const quietPerSecond = acknowledgedPerSecond(attempts, facts.beganNs + warmNs, facts.quietNs);
  const verdicts =
    facts.lab === undefined
      ? judge({ ...facts, log, listings, history })
      : judgeLab({ ...facts, history }, { ...facts, ...facts.lab });
  const figures = figuresOf(facts.goals, reachedBy({ facts, log, listings, history }));
  const worth: Worth = { ...facts, quietPerSecond, staleCommits: facts.staleCommits };
  return {
    ...facts,
    attempts,
    ...{ quietPerSecond, figures },
    samples: history.samples,
    invariants: [...verdicts, ...judgeWorth(worth), ...judgeGoals(figures)],
  };
}

function reachedBy({ facts, log, history }: Recorded): Reached {
  const done = facts.faults.filter(({ problem }) => problem === undefined);
  const over = facts.faults.map(({ healedAt }) => healedAt);
  const { answersMs, writesMs, foldsMs, dataPlaneMs } =
    over.length === 0 ? {} : recoveryOf(history, log, facts.beganNs + Math.max(...over) * 1e6);
  const held = history.holdings.filter(({ what }) => what === 'records').map(({ afterMs }) => afterMs);
  const equalMs = held.length > 0 ? Math.max(...held) : dataPlaneMs;
  return {
    ...{ faults: done.length, 'fault-kinds': new Set(done.map(({ kind }) => kind)).size },
    operations: history.attempts.length,
    ...(facts.noise.cases > 0 && { 'noise-cases': facts.noise.cases }),
    ...(answersMs !== undefined && { 'daemons-answer': answersMs }),
    ...(writesMs !== undefined && { 'writes-again': writesMs }),
    ...(foldsMs !== undefined && { 'folds-equal': foldsMs }),
    ...(equalMs !== undefined && { 'data-plane-equal': equalMs }),
  };
}
