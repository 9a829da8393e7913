// Looks: what a daemon shows of an owner at a revision, against the replay up to that revision.

import type { Look } from '../history.ts';
import type { Court } from './invariant.ts';
import type { State } from './replay.ts';

/** Moments for the replay, sorted. */
export function judgeLooks(
  court: Court,
  looks: readonly Look[],
): readonly { readonly revision: bigint; ask(state: State): void }[] {
  const moments = looks.map((look) => ({
    revision: look.revision,
    ask: (state: State): void => {
      const problem = differing(look, state);
      const whose = look.owner === '' ? 'all' : look.owner;
      court.check('daemon-map', problem === undefined, () => {
        return `${look.node} at revision ${look.revision}, allocations of ${whose}: ${problem}`;
      });
    },
  }));
  return moments.sort((a, b) => (a.revision < b.revision ? -1 : a.revision > b.revision ? 1 : 0));
}

function differing({ owner, allocations }: Look, state: State): string | undefined {
  let wanted = 0;
  for (const [id, { record, revision }] of state.of('allocation')) {
    if (owner !== '' && record.owner !== owner) continue;
    wanted += 1;
    const etag = allocations.get(`allocation/${id}`);
    if (etag === undefined) return `${id} is missing`;
    if (etag !== String(revision)) return `${id} is of revision ${etag}, not ${revision}`;
  }
  return wanted === allocations.size ? undefined : `it shows ${allocations.size}, etcd held ${wanted}`;
}
