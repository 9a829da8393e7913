// Quorum: two of three members of etcd are away for a long time.

import type { PlannedFault } from './fault.ts';

export function quorumAway({
  fromMs,
  toMs,
}: {
  readonly fromMs: number;
  readonly toMs: number;
}): readonly PlannedFault[] {
  return ['p2', 'p3'].map((target) => ({ kind: 'etcd-kill', target, at: fromMs, durationMs: toMs - fromMs }));
}
