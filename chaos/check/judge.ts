// Judge: all invariants over a history and an event log. Pure: the same evidence gives the same verdicts.
//
// No search is needed: every acknowledged transaction names its revision, and revisions are a total order.

import type { History } from '../history.ts';
import { judgeAudit } from './audit.ts';
import { type Heard, judgeComplete } from './complete.ts';
import { judgeEffects } from './effects.ts';
import { judgeFence } from './fence.ts';
import { openCourt, type Verdict } from './invariant.ts';
import { judgeLooks } from './looks.ts';
import { judgeLost } from './lost.ts';
import { judgePools } from './pools.ts';
import { judgeRealTime } from './real-time.ts';
import { replay } from './replay.ts';
import { gatherRequests } from './requests.ts';
import { judgeResolved } from './resolved.ts';
import { judgeSpace } from './space.ts';

export interface Evidence extends Heard {
  readonly history: History;
  /** Principals whose requests all stand in the history. */
  readonly ours: ReadonlySet<string>;
  /** When the last fault had ended, on the clock of the attempts. */
  readonly healedNs: number;
}

/** In the order of `sentences`. O(n log n) in attempts, events and looks. */
export function judge(evidence: Evidence): readonly Verdict[] {
  const { history, log, ours, healedNs } = evidence;
  const court = openCourt();
  const { attempts, looks } = history;
  judgeComplete(court, evidence);
  const requests = gatherRequests(attempts);
  const judges = [
    requests,
    judgeSpace(court),
    judgePools(court),
    judgeLost({ court, attempts, ours }),
    judgeFence(court),
    judgeAudit(court, log.base),
  ];
  replay(log, judges, judgeLooks(court, looks));
  judgeEffects(court, requests, ours);
  judgeResolved(court, requests.asked, healedNs);
  judgeRealTime(court, attempts);
  return court.verdicts();
}
