// Effects: what clients were told against what was done.

import type { Attempt } from '../history.ts';
import { changeOf } from './changes.ts';
import type { Court } from './invariant.ts';
import type { Requests, Traces } from './requests.ts';

const noTraces: Traces = { remembered: [], refusals: [], entries: [], principal: '' };

/** After the replay. `ours`: principals whose requests all stand in the history. */
export function judgeEffects(court: Court, { asked, traces }: Requests, ours: ReadonlySet<string>): void {
  for (const [request, attempts] of asked) judgeRequest(court, request, attempts, traces.get(request) ?? noTraces);
  for (const [request, { principal, entries, remembered, refusals }] of traces) {
    const once = remembered.length + refusals.length <= 1 && entries.length <= 1;
    court.check('at-most-once', once, () => {
      const at = [...new Set([...remembered, ...refusals, ...entries.map(({ revision }) => revision)])];
      return `${request} of ${principal} was carried out at ${at.join(' and ')}`;
    });
    if (!ours.has(principal)) continue;
    court.check('no-effect', asked.has(request), () => `${principal} never asked for ${request}, which was done`);
  }
}

function judgeRequest(court: Court, request: string, attempts: readonly Attempt[], traces: Traces): void {
  const granted = attempts.filter(({ outcome }) => outcome === 'ok');
  const done = traces.entries.length + traces.remembered.length > 0;
  for (const attempt of granted) {
    const problem = effectProblem(attempt, traces);
    court.check('one-effect', problem === undefined, () => `${name(attempt)}: ${problem}`);
  }
  if (granted.length === 0 && attempts.every(({ outcome }) => outcome !== 'unknown')) {
    const heard = attempts.map(({ reason }) => reason).join(', ');
    const at = traces.remembered[0] ?? traces.entries[0]?.revision;
    court.check('no-effect', !done, () => `${request} was answered ${heard}, and done at ${at}`);
  }
  firstAnswer(court, request, attempts, granted);
}

function effectProblem(attempt: Attempt, { remembered, entries }: Traces): string | undefined {
  const { revision, given, takes } = attempt;
  if (remembered.length !== 1) return `its operation stands ${remembered.length} times in the log`;
  if (remembered[0] !== revision) return `answered revision ${revision}, done at ${remembered[0]}`;
  const [only, ...more] = entries;
  if (only === undefined || more.length > 0) return `it stands in ${entries.length} audit records`;
  if (only.revision !== revision) return `answered revision ${revision}, its audit record stands at ${only.revision}`;
  const changes = new Map(only.entry.changes.map(changeOf));
  const notMade = given.find((key) => changes.get(key) !== 'put');
  if (notMade !== undefined) return `the answer gives ${notMade}, which was not written`;
  const notTaken = takes.find((key) => !changes.has(key));
  if (notTaken !== undefined) return `it was to take ${notTaken}, which was not touched`;
  // What is put and neither given nor taken was given to nobody: the caller cannot know of it.
  const silent = [...changes].find(([key, op]) => op === 'put' && isSilent(key, attempt));
  return silent === undefined ? undefined : `${silent[0]} was written and is not in the answer`;
}

const isSilent = (key: string, { kind, given }: Attempt): boolean =>
  (kind === 'allocate' || kind === 'create-tunnel') && key.startsWith('allocation/') && !given.includes(key);

const name = ({ request, kind, node }: Attempt): string => `${request} (${kind} at ${node})`;

function firstAnswer(court: Court, request: string, attempts: readonly Attempt[], granted: readonly Attempt[]): void {
  const [first, ...repeats] = granted;
  if (first === undefined) return;
  for (const repeat of repeats) {
    const same = repeat.revision === first.revision && String(repeat.given) === String(first.given);
    court.check('first-answer', same, () => {
      return `${request}: first ${first.revision} ${first.given.join(' ')}, then ${repeat.revision} ${repeat.given.join(' ')}`;
    });
  }
  const answeredNs = Math.min(...granted.map(({ returnedNs }) => returnedNs));
  for (const later of attempts.filter(({ outcome, invokedNs }) => outcome === 'refused' && invokedNs > answeredNs))
    court.check(
      'first-answer',
      false,
      () => `${request} was granted at ${first.revision}, then refused: ${later.reason}`,
    );
}
