// Goals: figures of a run, and what they must be where a run is long enough to promise them. Pure.
//
// Never: stands for a law. What must never be is in check/; this is how much was done, and how soon it was over.

import type { Verdict } from './check/invariant.ts';

interface Row {
  /** What must be `least` or more; else `most` or less. */
  readonly bound: 'least' | 'most';
  readonly unit: '' | 'ms';
  readonly what: string;
}

const goalTable = {
  faults: { bound: 'least', unit: '', what: 'faults that were done' },
  'fault-kinds': { bound: 'least', unit: '', what: 'kinds of them' },
  operations: { bound: 'least', unit: '', what: 'operations of clients, each of which was judged' },
  'noise-cases': { bound: 'least', unit: '', what: 'broken frames and messages at the ports of the APIs' },
  'daemons-answer': { bound: 'most', unit: 'ms', what: 'until the last daemon answered after the last fault' },
  'writes-again': { bound: 'most', unit: 'ms', what: 'until something was granted after the last fault' },
  'folds-equal': { bound: 'most', unit: 'ms', what: 'until a daemon showed a write after the last fault, 99 of 100' },
  'data-plane-equal': { bound: 'most', unit: 'ms', what: 'until nodes held what the records say after the last fault' },
} as const satisfies Readonly<Record<string, Row>>;

export type GoalName = keyof typeof goalTable;

/** By name; absent: nothing is promised. */
export type Goals = Partial<Readonly<Record<GoalName, number>>>;

/** By name; absent: nobody looked. */
export type Reached = Partial<Readonly<Record<GoalName, number>>>;

export interface Figure {
  readonly name: GoalName;
  readonly what: string;
  readonly bound: Row['bound'];
  readonly unit: Row['unit'];
  /** Infinite: never. */
  readonly reached: number | undefined;
  readonly wanted: number | undefined;
}

/** All that anybody looked at, or that was promised. */
export function figuresOf(goals: Goals, reached: Reached): readonly Figure[] {
  return (Object.keys(goalTable) as GoalName[])
    .map((name) => ({ name, ...goalTable[name], reached: reached[name], wanted: goals[name] }))
    .filter((figure) => figure.reached !== undefined || figure.wanted !== undefined);
}

const meets = ({ reached, wanted, bound }: Figure): boolean =>
  wanted === undefined || (reached !== undefined && (bound === 'least' ? reached >= wanted : reached <= wanted));

export const shownFigure = (value: number | undefined, unit: Row['unit']): string => {
  if (value === undefined) return 'not looked at';
  return Number.isFinite(value) ? `${Math.round(value)}${unit === '' ? '' : ` ${unit}`}` : 'never';
};

/** One of those that were promised each. */
export function judgeGoals(figures: readonly Figure[]): readonly Verdict[] {
  return figures.flatMap((figure) => {
    const { name, wanted, reached, bound, unit } = figure;
    if (wanted === undefined) return [];
    const evidence = meets(figure)
      ? []
      : [`${shownFigure(reached, unit)}; ${shownFigure(wanted, unit)} at the ${bound} was promised`];
    return [{ name, checks: 1, violations: evidence.length, evidence }];
  });
}

/** For people; undefined: no goal. */
export const goalSentence = (name: string): string | undefined => goalTable[name as GoalName]?.what;

/** Promised by every run under faults from this length on: shorter ones are tests of laws, on whatever machine. */
export const promisedFromSeconds = 60;
const recovering = { 'writes-again': 3_000, 'folds-equal': 2_000, 'data-plane-equal': 5_000 } as const satisfies Goals;

/** Promised by the long form of `mixed`. */
const longFromSeconds = 900;
const long: Goals = { faults: 100, 'fault-kinds': 12, operations: 100_000 };

/**
 * What a run promises. `recovers`: something fails, and what recovers afterwards is looked at; `folds`: something changes the fabric; `tells`:
 * nodes tell what they hold; `whole`: all traffic under all faults.
 */
export function goalsOf(
  seconds: number,
  { recovers, folds, tells, whole }: Readonly<Record<'recovers' | 'folds' | 'tells' | 'whole', boolean>>,
): Goals {
  if (seconds < promisedFromSeconds || !recovers) return {};
  return {
    ...(whole && seconds >= longFromSeconds && long),
    'writes-again': recovering['writes-again'],
    ...(folds && { 'folds-equal': recovering['folds-equal'] }),
    ...(tells && { 'data-plane-equal': recovering['data-plane-equal'] }),
  };
}
