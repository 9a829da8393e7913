// Step: one thing that a packet meets on its way through a node.

export type Verdict = 'passes' | 'limited' | 'dropped' | 'rejected';

export interface Step {
  /** Unique in a walk. */
  readonly where:
    | 'table'
    | 'sender'
    | 'blackhole'
    | 'source'
    | 'martian'
    | 'flows out'
    | 'shaper up'
    | 'route'
    | 'node'
    | 'tunnel'
    | 'new flow'
    | 'firewall'
    | 'forward'
    | 'shaper down'
    | 'receiver'
    | 'session';
  readonly verdict: Verdict;
  /** The rule that gave it, in words. */
  readonly rule: string;
  /** What it was read from; empty: the rule has no element of its own. */
  readonly evidence: string;
  /** Not comparable: only the kernel knows. */
  readonly open?: true;
}

export const ends = ({ verdict }: Step): boolean => verdict === 'dropped' || verdict === 'rejected';

export interface Walk {
  readonly steps: readonly Step[];
  readonly verdict: 'passes' | 'dropped' | 'rejected';
  /** The rule that ended it, or where the packet went. */
  readonly reason: string;
}

/** The last step of one that ended, else where it went. */
export function walkOf(steps: readonly Step[], went: string): Walk {
  const last = steps.at(-1);
  const ended = last !== undefined && ends(last);
  return {
    steps,
    verdict: ended && last.verdict !== 'passes' && last.verdict !== 'limited' ? last.verdict : 'passes',
    reason: ended ? last.rule : went,
  };
}
