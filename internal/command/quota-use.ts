// Quota use: what an owner holds against what it may hold. An owner without a record is counted only where the network
// has a default limit; the record is made with the first change then.

import { clone, create } from '@bufbuild/protobuf';
import { type Refusal, refuse } from '#internal/errors/errors.ts';
import { type Quota, QuotaSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { holderOf, networkId, type Snapshot } from '#internal/model/model.ts';
import { familyOf, type Prefix, parsePrefix, prefixLength } from '#internal/netip/netip.ts';
import type { Draft } from './draft.ts';

/** IPv4 addresses, and IPv6 networks of /64 (a longer prefix counts as one). Of a change: negative where it gives back. */
export interface Use {
  readonly used4: bigint;
  readonly used6: bigint;
}

export function useOf(prefixes: Iterable<Prefix>): Use {
  let [used4, used6] = [0n, 0n];
  for (const prefix of prefixes) {
    if (familyOf(prefix) === 4) used4 += 1n << BigInt(32 - prefixLength(prefix));
    else used6 += 1n << BigInt(Math.max(0, 64 - prefixLength(prefix)));
  }
  return { used4, used6 };
}

/** What the owner holds in the snapshot, quarantine aside. O(allocations): asked once in an owner's life. */
export function usedBy(snapshot: Snapshot, owner: string): Use {
  const held: Prefix[] = [];
  for (const { record } of snapshot.allocations.values()) {
    if (record.owner !== owner || holderOf(record) === 'quarantine') continue;
    const prefix = parsePrefix(record.prefix);
    if (typeof prefix === 'string') held.push(prefix);
  }
  return useOf(held);
}

export interface Change {
  readonly owner: string;
  readonly use: Use;
  /** A tunnel comes into being. One that goes needs no count: what an owner has is counted in the snapshot. */
  readonly newTunnel?: boolean;
  /** The field that names the owner; default `owner`. */
  readonly field?: string;
}

/**
 * Has the draft count a change of what the owner holds, so that of two changes that pass the limit together only one
 * commits. Refuses `quota-exceeded`; what gives back is never refused.
 */
export function count(snapshot: Snapshot, draft: Draft, change: Change): Refusal | undefined {
  const { owner, use, newTunnel = false } = change;
  // A delegation is nobody's.
  if (owner === '' || (use.used4 === 0n && use.used6 === 0n && !newTunnel)) return undefined;
  const stored = snapshot.quotas.get(owner);
  const network = snapshot.network?.record;
  const limit4 = stored?.record.limit4 ?? network?.defaultLimit4;
  const limit6 = stored?.record.limit6 ?? network?.defaultLimit6;
  const limitTunnels = stored?.record.limitTunnels ?? network?.defaultLimitTunnels;
  const own = stored?.record;
  const complete = [own?.limit4, own?.limit6, own?.limitTunnels].every((limit) => limit !== undefined);
  if (!complete) draft.read('network', networkId, snapshot.network);
  // Whoever makes a quota's record rewrites the network's, so that one condition serves a whole group of such owners: a
  // transaction has 128, and a third one for each allocation would make groups a third smaller.
  if ([stored, limit4, limit6, limitTunnels].every((each) => each === undefined)) return undefined;
  draft.read('quota', owner, stored);

  const before = stored?.record ?? usedBy(snapshot, owner);
  const exceeded =
    exceeds(change, { what: 'IPv4 addresses', limit: limit4, used: before.used4, wanted: use.used4 }) ??
    exceeds(change, { what: 'IPv6 networks of /64', limit: limit6, used: before.used6, wanted: use.used6 }) ??
    (newTunnel ? tooMany(change, limitTunnels, snapshot.tunnelCounts.get(owner) ?? 0) : undefined);
  if (exceeded !== undefined) return exceeded;
  const record: Quota = stored === undefined ? create(QuotaSchema, { owner }) : clone(QuotaSchema, stored.record);
  record.used4 = notNegative(before.used4 + use.used4);
  record.used6 = notNegative(before.used6 + use.used6);
  draft.write({ op: 'put', kind: 'quota', id: owner, record });
  return undefined;
}

// A record that a hand made too small is mended by the pool check, and must not keep anyone from giving back.
const notNegative = (units: bigint): bigint => (units < 0n ? 0n : units);

interface Limited {
  readonly what: string;
  readonly limit: bigint | undefined;
  readonly used: bigint;
  readonly wanted: bigint;
}

function tooMany({ owner, field = 'owner' }: Change, limit: bigint | undefined, has: number): Refusal | undefined {
  if (limit === undefined || BigInt(has) < limit) return undefined;
  return refuse('quota-exceeded', {
    field,
    value: owner,
    problem: `may have ${limit} tunnels and has ${has}`,
    cure: 'delete one, or ask for a larger quota',
  });
}

function exceeds({ owner, field = 'owner' }: Change, { what, limit, used, wanted }: Limited): Refusal | undefined {
  if (limit === undefined || wanted <= 0n || used + wanted <= limit) return undefined;
  return refuse('quota-exceeded', {
    field,
    value: owner,
    problem: `may hold ${limit} ${what}, holds ${used} and asks for ${wanted} more`,
    cure: 'release some, or ask for a larger quota',
  });
}
