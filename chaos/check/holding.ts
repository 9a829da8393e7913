// Holding: who has a prefix, as an allocation's record says, and how one record may follow another on the same key.

import type { Allocation } from '#internal/gen/pop44/store/v1/records_pb.ts';

export type Holding =
  | { readonly is: 'free' }
  | { readonly is: 'quarantined'; readonly owner: string; readonly untilMs: number }
  | { readonly is: 'held'; readonly owner: string; readonly since: string }
  | { readonly is: 'used'; readonly owner: string; readonly since: string; readonly tunnelId: string }
  | { readonly is: 'delegated'; readonly poolId: string };

export function holdingOf(record: Allocation | undefined): Holding {
  if (record === undefined) return { is: 'free' };
  const { owner, tunnelId, delegatedPoolId, quarantinedUntil: until, createdAt } = record;
  if (until !== undefined)
    return { is: 'quarantined', owner, untilMs: Number(until.seconds) * 1000 + until.nanos / 1e6 };
  if (delegatedPoolId !== '') return { is: 'delegated', poolId: delegatedPoolId };
  const since = `${createdAt?.seconds}.${createdAt?.nanos}`;
  return tunnelId === '' ? { is: 'held', owner, since } : { is: 'used', owner, since, tunnelId };
}

export const isLive = ({ is }: Holding): boolean => is !== 'free' && is !== 'quarantined';

export function shownHolding(holding: Holding): string {
  switch (holding.is) {
    case 'free':
      return 'free';
    case 'quarantined':
      return `in quarantine for ${holding.owner} until ${new Date(holding.untilMs).toISOString()}`;
    case 'held':
      return `held by ${holding.owner}`;
    case 'used':
      return `used by tunnel ${holding.tunnelId} of ${holding.owner}`;
    case 'delegated':
      return `delegated to ${holding.poolId}`;
  }
}

/** What is wrong with this step; undefined when nothing is. `atMs`: when the transaction was made. */
export function wrongStep(
  before: Holding,
  after: Holding,
  atMs: number,
): { readonly name: 'no-overlap' | 'quarantine'; readonly problem: string } | undefined {
  const step = `${shownHolding(before)}, then ${shownHolding(after)}`;
  if (before.is === 'free') return undefined;
  if (before.is === 'quarantined') {
    if (after.is !== 'free' && after.is !== 'delegated' && after.owner === before.owner) return undefined;
    return atMs < before.untilMs ? { name: 'quarantine', problem: `${step}, before its time` } : undefined;
  }
  if (!isLive(after)) {
    const another = after.is === 'quarantined' && 'owner' in before && after.owner !== before.owner;
    return another ? { name: 'quarantine', problem: `${step}, for another owner` } : undefined;
  }
  return sameHolder(before, after) ? undefined : { name: 'no-overlap', problem: step };
}

/** The record was rewritten and the prefix stayed where it was; taken into use is one way of that. */
function sameHolder(before: Holding, after: Holding): boolean {
  if (before.is === 'delegated') return after.is === 'delegated' && after.poolId === before.poolId;
  if (before.is !== 'held' && before.is !== 'used') return false;
  if (after.is !== 'held' && after.is !== 'used') return false;
  if (before.owner !== after.owner || before.since !== after.since) return false;
  return before.is === 'held' || (after.is === 'used' && after.tunnelId === before.tunnelId);
}
