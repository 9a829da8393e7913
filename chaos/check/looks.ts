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
        return `${look.node} at revision ${look.revision}, ${look.kind}s of ${whose}: ${problem}`;
      });
    },
  }));
  return moments.sort((a, b) => (a.revision < b.revision ? -1 : a.revision > b.revision ? 1 : 0));
}

function differing({ kind, owner, etags }: Look, state: State): string | undefined {
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
