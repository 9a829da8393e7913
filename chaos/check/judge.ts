// Judge: all invariants over a history and an event log. Pure: the same evidence gives the same verdicts.
//
// No search is needed: every acknowledged transaction names its revision, and revisions are a total order.

import type { History } from '../history.ts';
import { judgeAudit } from './audit.ts';
import { type Away, judgeAway } from './away.ts';
import { type Heard, judgeComplete } from './complete.ts';
import { judgeHoldings, judgeProbes } from './data-plane.ts';
import { judgeEffects } from './effects.ts';
import { judgeFence } from './fence.ts';
import { type Court, openCourt, type Verdict } from './invariant.ts';
import { judgeLooks } from './looks.ts';
import { judgeLost } from './lost.ts';
import { judgePeers } from './peers.ts';
import { judgePools } from './pools.ts';
import { judgeReadings } from './readings.ts';
import { judgeRealTime } from './real-time.ts';
import { replay } from './replay.ts';
import { gatherRequests } from './requests.ts';
import { judgeResolved } from './resolved.ts';
import { judgeBounds, judgeForward, judgeHolders, judgeLogins } from './rest.ts';
import { judgeSpace } from './space.ts';
import { judgeTunnels } from './tunnels.ts';

export interface Evidence extends Heard {
  readonly history: History;
  /** Principals whose requests all stand in the history. */
  readonly ours: ReadonlySet<string>;
  /** When the first fault came and when the last had ended, on the clock of the attempts. */
  readonly quietNs: number;
  readonly healedNs: number;
  /** When etcd had no majority for a long time, if it was so. */
  readonly away?: Away;
  /** Where a secret was found, a line each that does not tell it, and in how many places it was looked for. */
  readonly secrets: { readonly places: number; readonly found: readonly string[] };
}

/** Spelled out here a second time, as in event-log.ts. */
const followedPrefix = '/pop44/v1/';

/** Of a lab, whose etcd nobody outside follows: what its clients and probes have seen. In the order of `sentences`. */
export function judgeLab(
  { history, away, quietNs, healedNs, secrets }: Omit<Evidence, keyof Heard | 'ours'>,
  probing: Parameters<typeof judgeProbes>[2],
): readonly Verdict[] {
  const court = openCourt();
  for (const asked of [history.looks, history.folds]) judgeForward(court, asked);
  judgeSecrets(court, secrets);
  if (away !== undefined) judgeAway(court, history, away);
  judgeProbes(court, history.probes, probing);
  judgeHoldings(court, history.holdings);
  judgeBounds(court, history.samples, quietNs, healedNs);
  return court.verdicts().filter(({ checks }) => checks > 0);
}

function judgeSecrets(court: Court, { places, found }: Evidence['secrets']): void {
  for (let at = found.length; at < places; at += 1) court.check('no-secret', true, () => '');
  for (const each of found) court.check('no-secret', false, () => each);
}

/** In the order of `sentences`. O(n log n) in attempts, events and looks. */
export function judge(evidence: Evidence): readonly Verdict[] {
  const { history, log, ours, quietNs, healedNs, secrets } = evidence;
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
    judgeTunnels(court, attempts, ours),
  ];
  replay(log, judges, [...judgeLooks(court, looks), ...judgePeers(court, history.told)]);
  judgeEffects(court, requests, ours);
  judgeResolved(court, requests.asked, healedNs);
  judgeRealTime(court, attempts);
  for (const asked of [looks, history.folds]) judgeForward(court, asked);
  judgeReadings(court, log, history.readings, followedPrefix);
  judgeHolders(court, history.visits, history.sights);
  judgeLogins(court, attempts, history.logins);
  if (evidence.away !== undefined) judgeAway(court, history, evidence.away);
  judgeBounds(court, history.samples, quietNs, healedNs);
  judgeSecrets(court, secrets);
  return court.verdicts();
}
