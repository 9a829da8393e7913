// Looks: what a daemon shows of an owner at a revision, against the replay up to that revision.

import type { Look } from '../history.ts';
import type { Court } from './invariant.ts';
import type { Moment, State } from './replay.ts';

/** Moments for the replay. */
export function judgeLooks(court: Court, looks: readonly Look[]): readonly Moment[] {
  return looks.map((look) => ({
    revision: look.revision,
    ask: (state: State): void => {
      const problem = differing(look, state);
      const whose = look.owner === '' ? 'all' : look.owner;
      court.check('daemon-map', problem === undefined, () => {
        return `${look.node} at revision ${look.revision}, ${look.kind}s of ${whose}: ${problem}`;
      });
    },
  }));
}

function differing({ kind, owner, etags, problem }: Look, state: State): string | undefined {
  if (problem !== undefined) return problem;
  let wanted = 0;
  for (const [id, { record, revision }] of state.of(kind)) {
    if (owner !== '' && record.owner !== owner) continue;
    wanted += 1;
    const etag = etags.get(`${kind}/${id}`);
    if (etag === undefined) return `${id} is missing`;
    if (etag !== String(revision)) return `${id} is of revision ${etag}, not ${revision}`;
  }
  return wanted === etags.size ? undefined : `it shows ${etags.size}, etcd held ${wanted}`;
}
