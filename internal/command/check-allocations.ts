// Check allocations: each lies where it may, is one thing, and whoever it names has it.

import type { Allocation } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { holderOf, type Snapshot, splitId, type StandingPool, standingPool } from '#internal/model/model.ts';
import type { Decision, Stored } from '#internal/model/record.ts';
import {
  addressBits,
  familyOf,
  firstHex,
  firstNumber,
  overlaps,
  type Prefix,
  parsePrefix,
  prefixFrom,
  prefixFromHex,
  prefixLength,
  supernet,
} from '#internal/netip/netip.ts';
import { checkDelegation } from './check-books.ts';
import { Draft } from './draft.ts';
import { aTurn, byHand, type Finding, finding, inScope, type Scope } from './finding.ts';
import { poolContents } from './pool-contents.ts';
import { quarantine } from './quarantine.ts';
import { count, useOf } from './quota-use.ts';

type Found = readonly [id: string, stored: Stored<Allocation>];

/** A generator, see checkPools. O(allocations). */
export function* checkAllocations(scope: Scope): Generator<undefined, readonly Finding[]> {
  const { snapshot } = scope;
  const found: Finding[] = [];
  const misplaced: (readonly [...Found, problem: string])[] = [];
  const places = new Map<string, Places | undefined>();
  const placesOf = (poolId: string): Places | undefined => {
    if (!places.has(poolId)) places.set(poolId, placesIn(standingPool(snapshot, poolId)));
    return places.get(poolId);
  };
  let looked = 0;
  for (const [id, stored] of inScope(snapshot.allocations, scope)) {
    looked += 1;
    if (looked % aTurn === 0) yield;
    const { poolId = '', hex = '' } = splitId(id) ?? {};
    const problem = placeProblem(snapshot, { poolId, hex, record: stored.record, places: placesOf(poolId) });
    if (problem !== undefined) misplaced.push([id, stored, problem]);
    else found.push(...checkHolder(scope, [id, stored]));
  }
  return [...found, ...checkMisplaced(scope, misplaced)];
}

/** Where the units of a pool may lie, by what keys spell: hexadecimal of one width sorts as the addresses do. */
interface Places {
  readonly pool: StandingPool;
  readonly first: string;
  readonly last: string;
  /** Hex of the slab around an address. */
  slabAround(hex: string): string;
}

const bitsOfDigit = 4;

function placesIn(pool: StandingPool | undefined): Places | undefined {
  if (pool === undefined) return undefined;
  const { prefix, slabLength } = pool;
  const bits = addressBits(familyOf(prefix));
  const digits = slabLength / bitsOfDigit;
  const last = firstNumber(prefix) + (1n << BigInt(bits - prefixLength(prefix))) - 1n;
  return {
    pool,
    first: firstHex(prefix),
    last: firstHex(prefixFrom(familyOf(prefix), last, bits)),
    // Nearly every slab ends at a digit.
    slabAround: Number.isInteger(digits)
      ? (hex) => hex.slice(0, digits).padEnd(bits / bitsOfDigit, '0')
      : (hex) => firstHex(supernet(prefixFromHex(hex, bits) ?? prefix, slabLength)),
  };
}

interface Placed {
  readonly poolId: string;
  readonly hex: string;
  readonly record: Allocation;
  readonly places: Places | undefined;
}

/** Undefined for a unit of a slab that stands: no two of those overlap. */
function placeProblem(snapshot: Snapshot, { poolId, hex, record, places }: Placed): string | undefined {
  if (places === undefined || record.poolId !== poolId) return 'lies in no pool';
  const { pool, first, last } = places;
  if (hex.length !== first.length || hex < first || hex > last) return `lies outside of its pool ${pool.prefix}`;
  const slab = snapshot.slabs.get(`${poolId}/${places.slabAround(hex)}`)?.record;
  if (slab === undefined) return 'lies in no slab';
  if (slab.delegatedPoolId !== '') return `lies in ${slab.prefix}, which is delegated as ${slab.delegatedPoolId}`;
  if (record.prefix === prefixFromHex(hex, slab.unitLength)) return undefined;
  return `is ${record.prefix} in ${slab.prefix}, a slab of /${slab.unitLength}`;
}

/** Why nobody has it though it names somebody; undefined for one that is as it should be. */
function strayProblem(snapshot: Snapshot, { owner, poolId, prefix, tunnelId }: Allocation): string | undefined {
  if (tunnelId === '') return owner === '' ? 'is held by nobody' : undefined;
  const tunnel = snapshot.tunnels.get(tunnelId)?.record;
  if (tunnel === undefined) return `is of tunnel ${tunnelId}, which does not exist`;
  const has = tunnel.prefixes.some((one) => one.prefix === prefix && one.poolId === poolId);
  return has ? undefined : `is of tunnel ${tunnelId}, which does not have it`;
}

function checkHolder({ snapshot, now }: Scope, [id, stored]: Found): readonly Finding[] {
  const { record } = stored;
  const about = ['allocation', id, stored] as const;
  const states = [record.tunnelId !== '', record.delegatedPoolId !== '', record.quarantinedUntil !== undefined];
  if (states.filter(Boolean).length > 1) {
    const problem = 'is two of: in use, delegated, in quarantine';
    return [finding('duplicate', about, { problem, cure: byHand })];
  }
  const holder = holderOf(record);
  if (holder === 'delegation') return checkDelegation(snapshot, about);
  if (holder === 'quarantine') return [];
  const problem = strayProblem(snapshot, record);
  if (problem === undefined) return [];
  const draft = new Draft();
  quarantine(snapshot, draft, [{ id, allocation: stored }], now);
  // The tunnel has not come, nor come to have it, meanwhile.
  if (record.tunnelId !== '') draft.read('tunnel', record.tunnelId, snapshot.tunnels.get(record.tunnelId));
  return [finding('leak', about, { problem, cure: 'it is released', mend: draft.decision() })];
}

// Damage is rare, and a search looks at every allocation of the pool.
const mostSearched = 100;

function checkMisplaced(
  { snapshot }: Scope,
  misplaced: readonly (readonly [...Found, problem: string])[],
): readonly Finding[] {
  return misplaced.map(([id, stored, problem], at) => {
    const about = ['allocation', id, stored] as const;
    const covered = at < mostSearched ? overlapped(snapshot, id, stored.record) : undefined;
    if (covered !== undefined) {
      return finding('overlap', about, { problem: `${problem}, and overlaps ${covered}`, cure: byHand });
    }
    const mend = unclaimed(snapshot, id, stored);
    const cure = mend === undefined ? 'not mended: release it, or delete its tunnel' : 'nobody has it: it is deleted';
    return finding('orphan', about, { problem, cure, ...(mend && { mend }) });
  });
}

function overlapped(snapshot: Snapshot, id: string, record: Allocation): Prefix | undefined {
  const prefix = parsePrefix(record.prefix);
  if (typeof prefix !== 'string') return undefined;
  const { allocations, slabs } = poolContents(snapshot, splitId(id)?.poolId ?? '');
  const delegated = slabs.filter((slab) => slab.stored.record.delegatedPoolId !== '');
  return [...allocations.filter((other) => other.id !== id), ...delegated].find((other) =>
    overlaps(other.prefix, prefix),
  )?.prefix;
}

/** It does not stand, so nobody works by it; and nobody says that it is theirs. */
function unclaimed(snapshot: Snapshot, id: string, stored: Stored<Allocation>): Decision | undefined {
  const { record } = stored;
  const { owner, tunnelId } = record;
  const waits = holderOf(record) === 'quarantine';
  const held = tunnelId === '' ? owner !== '' : strayProblem(snapshot, record) === undefined;
  if (record.delegatedPoolId !== '' || (held && !waits)) return undefined;
  const draft = new Draft();
  draft.read('allocation', id, stored);
  if (tunnelId !== '') draft.read('tunnel', tunnelId, snapshot.tunnels.get(tunnelId));
  draft.write({ op: 'delete', kind: 'allocation', id });
  const prefix = parsePrefix(record.prefix);
  if (!waits && typeof prefix === 'string') {
    const { used4, used6 } = useOf([prefix]);
    count(snapshot, draft, { owner, use: { used4: -used4, used6: -used6 } });
  }
  return draft.decision();
}
