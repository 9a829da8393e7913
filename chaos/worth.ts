// Worth: whether a run shows anything: enough was done, what was planned happened, and nothing died of itself.

import type { Verdict } from './check/invariant.ts';
import type { DoneFault } from './fault.ts';

export interface Worth {
  readonly quietPerSecond: number;
  readonly leastPerSecond: number;
  /** Every kind that was to happen. */
  readonly kinds: readonly string[];
  readonly faults: readonly DoneFault<string>[];
  /** Transactions of deposed leaders that reached etcd and were refused there; undefined where none was provoked. */
  readonly staleCommits: number | undefined;
  /** Processes that ended without having been asked to. */
  readonly deaths: readonly string[];
  /** What daemons wrote of what they did not expect. */
  readonly complaints: readonly string[];
}

export const worthSentences = {
  'quiet-rate': 'Enough requests a second were acknowledged before the first fault.',
  'every-fault': 'Every kind of fault that was planned happened.',
  'stale-commit': 'A deposed leader tried to commit, and etcd refused it.',
  'no-deaths': 'No process ended by itself, or with an error when it was told to stop.',
  'no-complaints': 'No daemon met what its code does not expect.',
} as const;

function verdict(name: keyof typeof worthSentences, checks: number, evidence: readonly string[]): Verdict {
  return { name, checks, violations: evidence.length, evidence: evidence.slice(0, 20) };
}

export function judgeWorth(worth: Worth): readonly Verdict[] {
  const { quietPerSecond, leastPerSecond, kinds, faults, staleCommits, deaths, complaints } = worth;
  const rate = quietPerSecond.toFixed(1);
  const missing = kinds.filter((kind) => !faults.some((fault) => fault.kind === kind && fault.problem === undefined));
  const failed = faults.flatMap(({ kind, target, problem }) =>
    problem === undefined || !missing.includes(kind) ? [] : [`${kind} at ${target}: ${problem}`],
  );
  return [
    verdict('quiet-rate', 1, quietPerSecond < leastPerSecond ? [`${rate} a second, of ${leastPerSecond}`] : []),
    verdict('every-fault', kinds.length, [...missing.map((kind) => `${kind} never happened`), ...failed]),
    ...(staleCommits === undefined
      ? []
      : [verdict('stale-commit', staleCommits, staleCommits === 0 ? ['none was tried'] : [])]),
    verdict('no-deaths', 1, deaths),
    verdict('no-complaints', 1, complaints),
  ];
}
