// Rest: what must be so when everything has come to rest: one holder a tunnel, logins good or ended, and nothing that grew.

import type { Attempt, Fold, LoginCheck, Look, Sample, Sight, Visit } from '../history.ts';
import type { Court } from './invariant.ts';

/** Every daemon says of every station that it is where it was last. */
export function judgeHolders(court: Court, visits: readonly Visit[], sights: readonly Sight[]): void {
  const last = new Map<string, Visit>();
  for (const visit of visits) if (visit.atNs >= (last.get(visit.tunnel)?.atNs ?? 0)) last.set(visit.tunnel, visit);
  for (const { node, tunnel, holder } of sights) {
    const at = last.get(tunnel)?.node;
    if (at === undefined) continue;
    court.check('one-holder', holder === at, () => {
      return `${node} says that ${tunnel} is at ${holder === '' ? 'no node' : holder}; it is at ${at}`;
    });
  }
}

/** An acknowledged login is good until it is ended, and not afterwards. */
export function judgeLogins(court: Court, attempts: readonly Attempt[], logins: readonly LoginCheck[]): void {
  const granted = new Set(attempts.filter(({ outcome }) => outcome === 'ok').map(({ request }) => request));
  const asked = new Set(attempts.filter(({ outcome }) => outcome !== 'refused').map(({ request }) => request));
  for (const { node, login, ends, good } of logins) {
    const ended = ends.find((request) => granted.has(request));
    if (good) court.check('login', ended === undefined, () => `${node} takes ${login}, which ${ended} has ended`);
    // One that was asked to end may have.
    else if (granted.has(login) && !ends.some((request) => asked.has(request)))
      court.check('login', false, () => `${node} does not take ${login}, which was granted`);
    else court.check('login', true, () => '');
  }
}

/**
 * A daemon goes forward, whatever it is asked, while its process lives. Of each daemon one question was asked after another: of two
 * at once, the answer that comes first may have been made last.
 */
export function judgeForward(court: Court, looks: readonly (Pick<Look, 'problem'> & Fold)[]): void {
  const seen = new Map<string, bigint>();
  for (const { node, pid, revision, problem } of looks) {
    if (problem !== undefined) continue;
    const life = `${node}, process ${pid},`;
    const before = seen.get(life) ?? 0n;
    court.check('forward', revision >= before, () => `${life} went back from ${before} to ${revision}`);
    if (revision > before) seen.set(life, revision);
  }
}

/**
 * What a daemon may have in the end beyond what it had in the quiet beginning. A daemon of 10,000 tunnels has 150 MB
 * (docs/figures); heaps grow and are given back late.
 */
export const growth = { rssBytes: 160 * 1024 * 1024, files: 60, timers: 60 } as const;

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

/** `quietNs`: the first fault came then. `healedNs`: the last was over then. */
export function judgeBounds(court: Court, samples: readonly Sample[], quietNs: number, healedNs: number): void {
  for (const [node, own] of Map.groupBy(samples, (sample) => sample.node)) {
    const last = own.at(-1)?.pid;
    const begin = own.filter(({ atNs }) => atNs <= quietNs);
    const end = own.filter(({ atNs, pid }) => atNs > healedNs && pid === last);
    if (begin.length === 0 || end.length === 0) continue;
    for (const what of ['rssBytes', 'files', 'timers'] as const) {
      const of = (some: readonly Sample[]): readonly number[] => some.flatMap((sample) => sample[what] ?? []);
      // Requests that are under way have theirs; what leaks does not come down again.
      const [from, to] = [median(of(begin)), Math.min(...of(end))];
      if (!Number.isFinite(to)) continue;
      court.check('bounded', to - from <= growth[what], () => `${node}: ${what} went from ${from} to ${to}`);
    }
  }
}
