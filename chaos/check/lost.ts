// Lost: nothing that is held goes without a request for it, and what was acknowledged is there until then.

import type { Allocation } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { Attempt } from '../history.ts';
import { holdingOf, isLive } from './holding.ts';
import type { Court } from './invariant.ts';
import type { Judge, State } from './replay.ts';

export interface LostOptions {
  readonly court: Court;
  readonly attempts: readonly Attempt[];
  /** Principals whose requests all stand in the history. */
  readonly ours: ReadonlySet<string>;
}

export function judgeLost({ court, attempts, ours }: LostOptions): Judge {
  const takes = new Map<string, Set<string>>();
  for (const { request, takes: keys } of attempts) takes.set(request, new Set(keys));
  const releases = new Map<string, bigint>();
  let live: readonly { readonly id: string; readonly record: Allocation }[] = [];

  return {
    before(state, { records }) {
      live = records.flatMap(({ kind, id }) => {
        const record = kind === 'allocation' ? state.of('allocation').get(id)?.record : undefined;
        return record !== undefined && isLive(holdingOf(record)) ? [{ id, record }] : [];
      });
    },
    after(state, { revision, causes }) {
      for (const { id, record } of live) {
        const { owner, tunnelId, delegatedPoolId } = record;
        const now = state.of('allocation').get(id)?.record;
        if (now !== undefined && isLive(holdingOf(now)) && now.owner === owner) continue;
        releases.set(id, revision);
        const cause = causes.get(`allocation/${id}`);
        if (cause === undefined || !ours.has(cause.principal)) {
          court.check(
            'never-lost',
            false,
            () => `revision ${revision}: ${id} of ${owner} went and nobody asked for it`,
          );
          continue;
        }
        const ways = [`allocation/${id}`, `tunnel/${tunnelId}`, `pool/${delegatedPoolId}`];
        const asked = ways.some((key) => takes.get(cause.requestId)?.has(key) === true);
        court.check('never-lost', asked, () => `revision ${revision}: ${id} of ${owner} went by ${cause.requestId}`);
      }
    },
    end: (state) => acknowledged(court, attempts, state, releases),
  };
}

function acknowledged(
  court: Court,
  attempts: readonly Attempt[],
  state: State,
  releases: ReadonlyMap<string, bigint>,
): void {
  for (const { outcome, given, owner, revision, request } of attempts) {
    if (outcome !== 'ok') continue;
    for (const key of given.filter((each) => each.startsWith('allocation/'))) {
      const id = key.slice('allocation/'.length);
      const record = state.of('allocation').get(id)?.record;
      const there = record !== undefined && isLive(holdingOf(record)) && record.owner === owner;
      const released = (releases.get(id) ?? 0n) > revision;
      court.check('never-lost', there || released, () => `${request} was given ${id} at ${revision}; it is not there`);
    }
  }
}
