// Given: what may be given where: inside its pool and its slab, not reserved, not frozen, and out of quarantine in time.

import type { Allocation } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { contains, firstHex, overlaps, prefixFromHex, prefixLength, supernet } from '#internal/netip/netip.ts';
import { type Holding, holdingOf, isLive, shownHolding } from './holding.ts';
import type { Court } from './invariant.ts';
import { poolOf, prefixOf } from './places.ts';
import type { PrefixTrie } from './prefix-trie.ts';
import type { State } from './replay.ts';

// records.proto: unset is 24 h.
const defaultQuarantineSeconds = 86_400;
// Timestamps are compared as fractions of milliseconds.
const roundingMs = 1;

/** A release begins the quarantine that the pool asks for. */
export function judgeQuarantine(
  court: Court,
  state: State,
  { revision, atMs }: { readonly revision: bigint; readonly atMs: number },
  { id, was, is }: { readonly id: string; readonly was: Holding; readonly is: Holding },
): void {
  if ((was.is !== 'held' && was.is !== 'used') || isLive(is)) return;
  const pool = state.of('pool').get(poolOf(id))?.record;
  const seconds = pool?.quarantineSeconds ?? defaultQuarantineSeconds;
  const fits = is.is === 'quarantined' ? is.untilMs <= atMs + seconds * 1000 + roundingMs : seconds === 0;
  court.check('quarantine', fits, () => `revision ${revision}: ${id}: ${shownHolding(is)} in a pool with ${seconds} s`);
}

/** A live allocation lies in its slab and its pool; a new one is not reserved and not from a frozen pool. */
export function judgeGiven(court: Court, state: State, id: string, wasLive: boolean): void {
  const { revision } = state;
  const record = state.of('allocation').get(id)?.record;
  if (record === undefined) return;
  const problem = outside(state, id, record);
  court.check('in-pool', problem === undefined, () => `revision ${revision}: ${id} ${record.prefix}: ${problem}`);
  if (wasLive) return;
  const pool = state.of('pool').get(record.poolId)?.record;
  court.check('frozen', pool?.frozen !== true, () => `revision ${revision}: ${id} out of ${record.poolId}`);
  const another = reservedForAnother(state, record);
  court.check('reserved', another === undefined, () => `revision ${revision}: ${id} to ${record.owner}: ${another}`);
}

function outside(state: State, id: string, record: Allocation): string | undefined {
  const prefix = prefixOf(record.prefix);
  if (prefix === undefined || id !== `${record.poolId}/${firstHex(prefix)}`) return 'not what its key says';
  const pool = state.of('pool').get(record.poolId)?.record;
  const around = pool && prefixOf(pool.prefix);
  if (pool === undefined || around === undefined) return 'there is no such pool';
  if (!contains(around, prefix)) return `outside the pool ${around}`;
  if (prefixLength(prefix) < pool.slabLength) return 'larger than a slab';
  const slabPrefix = supernet(prefix, pool.slabLength);
  const slab = state.of('slab').get(`${record.poolId}/${firstHex(slabPrefix)}`)?.record;
  if (slab === undefined) return `no slab ${slabPrefix}`;
  if (slab.unitLength !== prefixLength(prefix)) return `in a slab of /${slab.unitLength}`;
  return slab.delegatedPoolId === '' ? undefined : `in a slab that is delegated to ${slab.delegatedPoolId}`;
}

function reservedForAnother(state: State, { poolId, prefix, owner }: Allocation): string | undefined {
  const given = prefixOf(prefix);
  for (const { record } of state.of('reservation').values()) {
    const reserved = prefixOf(record.prefix);
    if (record.poolId !== poolId || given === undefined || reserved === undefined || !overlaps(reserved, given))
      continue;
    if (record.owner === '' || record.owner !== owner) return `${reserved} is reserved for "${record.owner}"`;
  }
  return undefined;
}

/** What is reserved is nobody else's already. `held`: all that is held in its pool. */
export function judgeReservation(court: Court, state: State, id: string, held: PrefixTrie): void {
  const reservation = state.of('reservation').get(id)?.record;
  const prefix = reservation && prefixOf(reservation.prefix);
  if (reservation === undefined || prefix === undefined) return;
  const another = held.meeting(prefix, Number.POSITIVE_INFINITY).find((key) => {
    const holding = holdingOf(state.of('allocation').get(key)?.record);
    const own = 'owner' in holding && reservation.owner !== '' && holding.owner === reservation.owner;
    return isLive(holding) && !own;
  });
  court.check(
    'reserved',
    another === undefined,
    () => `revision ${state.revision}: ${id} was reserved over ${another}`,
  );
}

/** `held`: all that is held in the slab's pool. */
export function judgeSlab(court: Court, state: State, id: string, held: PrefixTrie): void {
  const { revision } = state;
  const pool = state.of('pool').get(poolOf(id))?.record;
  const record = state.of('slab').get(id)?.record;
  if (record === undefined) {
    const left = pool === undefined ? undefined : prefixFromHex(id.slice(pool.id.length + 1), pool.slabLength);
    const [inside] = left === undefined ? [] : held.meeting(left);
    court.check('slab-unit', inside === undefined, () => `revision ${revision}: slab ${id} went, ${inside} is there`);
    return;
  }
  const prefix = prefixOf(record.prefix);
  if (prefix === undefined) return;
  const around = pool && prefixOf(pool.prefix);
  const inside = around !== undefined && contains(around, prefix) && prefixLength(prefix) === pool?.slabLength;
  court.check('in-pool', inside, () => `revision ${revision}: slab ${id} ${prefix}, pool ${around ?? 'unknown'}`);
  const unit = (key: string): number => {
    const allocation = prefixOf(state.of('allocation').get(key)?.record.prefix ?? '');
    return allocation === undefined ? record.unitLength : prefixLength(allocation);
  };
  const [other] = held.meeting(prefix, Number.POSITIVE_INFINITY).filter((key) => unit(key) !== record.unitLength);
  court.check('slab-unit', other === undefined, () => {
    const what = other === undefined ? '' : `${other} is a /${unit(other)}`;
    return `revision ${revision}: slab ${id} has unit /${record.unitLength}, ${what}`;
  });
}
