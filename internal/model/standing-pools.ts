// Standing pools: which pools may be cut from, whatever was written by hand.
//
// Roots that stand are disjoint within their realm: of two that overlap the older one counts. A delegation stands only
// where its parent stands, contains it and has it on its books, as an allocation or as whole slabs. What is on those
// books is given to nobody else by the parent, so that delegations need no comparison with each other.

import type { Pool } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { contains, nthSubprefix, type Prefix, parsePrefix, prefixLength, supernet } from '#internal/netip/netip.ts';
import { allocationId, growthLimit, slabId, slabLengthOfPool } from './ids.ts';
import type { Snapshot } from './snapshot.ts';

export interface StandingPool {
  readonly pool: Pool;
  /** As it is now. */
  readonly prefix: Prefix;
  /** As it was when the pool was created. */
  readonly slabLength: number;
}

/** A delegation is at most so many whole slabs of its parent: all of them are looked at. */
const mostDelegatedSlabs = 64;

/** The record says of itself what its key allows. */
function believed(id: string, pool: Pool): StandingPool | undefined {
  const [limit, slabLength] = [growthLimit(id), slabLengthOfPool(id)];
  if (limit === undefined || slabLength === undefined || pool.id !== id || pool.slabLength !== slabLength)
    return undefined;
  const prefix = parsePrefix(pool.prefix);
  if (typeof prefix !== 'string' || prefix !== pool.prefix || prefixLength(prefix) > slabLength) return undefined;
  return contains(limit, prefix) ? { pool, prefix, slabLength } : undefined;
}

// By its time of creation, which (other than the mod revision) an update leaves as it is; a record without one, as
// only a hand writes it, is the youngest. The id makes it a total order.
function byAge({ pool: a }: StandingPool, { pool: b }: StandingPool): number {
  const [first, second] = [a.createdAt, b.createdAt];
  const youngest = 1n << 63n;
  const seconds = (first?.seconds ?? youngest) - (second?.seconds ?? youngest);
  if (seconds !== 0n) return seconds < 0n ? -1 : 1;
  return (first?.nanos ?? 0) - (second?.nanos ?? 0) || (a.id < b.id ? -1 : 1);
}

/** O(roots x different lengths). */
function rootsThatStand(roots: readonly StandingPool[]): ReadonlyMap<string, StandingPool> {
  const byPlace = Map.groupBy(roots, ({ prefix, pool }) => `${prefix} ${pool.realmId}`);
  const lengths = new Set(roots.map(({ prefix }) => prefixLength(prefix)));
  const losers = new Set<StandingPool>();
  for (const root of roots) {
    for (const length of lengths) {
      if (length > prefixLength(root.prefix)) continue;
      for (const other of byPlace.get(`${supernet(root.prefix, length)} ${root.pool.realmId}`) ?? []) {
        if (other !== root) losers.add(byAge(other, root) < 0 ? root : other);
      }
    }
  }
  return new Map(roots.filter((root) => !losers.has(root)).map((root) => [root.pool.id, root]));
}

/** The parent's records give this prefix to this pool and to nothing else. O(slabs in it), 64 at most. */
function onTheBooks(snapshot: Snapshot, parent: StandingPool, { pool, prefix }: StandingPool): boolean {
  if (parent.pool.realmId !== pool.realmId || !contains(parent.prefix, prefix)) return false;
  const slab = (at: Prefix) => {
    const record = snapshot.slabs.get(slabId(parent.pool.id, at))?.record;
    return record?.poolId === parent.pool.id && record.prefix === at ? record : undefined;
  };
  const bits = parent.slabLength - prefixLength(prefix);
  if (bits <= 0) {
    const around = slab(supernet(prefix, parent.slabLength));
    if (around === undefined || around.delegatedPoolId !== '') return bits === 0 && around?.delegatedPoolId === pool.id;
    const allocation = snapshot.delegations.get(allocationId(parent.pool.id, prefix))?.record;
    return (
      around.unitLength === prefixLength(prefix) &&
      allocation?.delegatedPoolId === pool.id &&
      allocation.poolId === parent.pool.id &&
      allocation.prefix === prefix &&
      allocation.tunnelId === '' &&
      allocation.quarantinedUntil === undefined
    );
  }
  if (2 ** bits > mostDelegatedSlabs) return false;
  for (let n = 0; n < 2 ** bits; n += 1) {
    if (slab(nthSubprefix(prefix, parent.slabLength, BigInt(n)))?.delegatedPoolId !== pool.id) return false;
  }
  return true;
}

/** What follows from the pools' records alone, and verdicts on delegations for one set of books. */
interface Judged {
  readonly roots: ReadonlyMap<string, StandingPool>;
  readonly delegated: ReadonlyMap<string, StandingPool>;
  readonly onBooks: WeakMap<Snapshot['slabs'], WeakMap<Snapshot['delegations'], Verdicts>>;
}
interface Verdicts {
  readonly byId: Map<string, StandingPool | undefined>;
  all?: ReadonlyMap<string, Prefix>;
}

// Pools, slabs and delegations change seldom, against allocations, and are asked about for every prefix of every
// tunnel; an immutable map is its own version.
const remembered = new WeakMap<Snapshot['pools'], Judged>();

function judged(snapshot: Snapshot): Judged {
  const known = remembered.get(snapshot.pools);
  if (known !== undefined) return known;
  const pools = [...snapshot.pools].flatMap(([id, { record }]) => believed(id, record) ?? []).sort(byAge);
  const made: Judged = {
    roots: rootsThatStand(pools.filter(({ pool }) => pool.parentPoolId === '')),
    delegated: new Map(pools.filter(({ pool }) => pool.parentPoolId !== '').map((one) => [one.pool.id, one])),
    onBooks: new WeakMap(),
  };
  remembered.set(snapshot.pools, made);
  return made;
}

function verdictsOf(snapshot: Snapshot, { onBooks }: Judged): Verdicts {
  const bySlabs = onBooks.get(snapshot.slabs) ?? new WeakMap<Snapshot['delegations'], Verdicts>();
  onBooks.set(snapshot.slabs, bySlabs);
  const verdicts = bySlabs.get(snapshot.delegations) ?? { byId: new Map() };
  bySlabs.set(snapshot.delegations, verdicts);
  return verdicts;
}

/** O(1), and O(delegations around it) once after a slab or a delegation changed. */
export function standingPool(snapshot: Snapshot, id: string): StandingPool | undefined {
  const judgement = judged(snapshot);
  const root = judgement.roots.get(id);
  const wanted = judgement.delegated.get(id);
  if (root !== undefined || wanted === undefined) return root;
  const { byId } = verdictsOf(snapshot, judgement);
  // Up to a root or to one that is judged already; those that are each other's parents reach none.
  const around = new Set<StandingPool>();
  let above: StandingPool | undefined = wanted;
  while (above !== undefined && !byId.has(above.pool.id) && !around.has(above)) {
    around.add(above);
    above = judgement.delegated.get(above.pool.parentPoolId);
  }
  for (const one of [...around].reverse()) {
    const parent = judgement.roots.get(one.pool.parentPoolId) ?? byId.get(one.pool.parentPoolId);
    byId.set(one.pool.id, parent && onTheBooks(snapshot, parent, one) ? one : undefined);
  }
  return byId.get(id);
}

/**
 * Prefix by id, the oldest first, of every pool that stands: its record agrees with its key, no older root of its
 * realm overlaps it, or it is a delegation that its parent backs.
 */
export function standingPools(snapshot: Snapshot): ReadonlyMap<string, Prefix> {
  const judgement = judged(snapshot);
  const verdicts = verdictsOf(snapshot, judgement);
  if (verdicts.all === undefined) {
    const delegated = [...judgement.delegated.keys()].flatMap((id) => standingPool(snapshot, id) ?? []);
    const all = [...judgement.roots.values(), ...delegated].sort(byAge);
    verdicts.all = new Map(all.map(({ pool, prefix }) => [pool.id, prefix]));
  }
  return verdicts.all;
}
