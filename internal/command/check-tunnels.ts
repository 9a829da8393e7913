// Check tunnels: what they have against who holds it, and the claims on their keys. Nothing that a tunnel works by is
// ever mended: which of two is right, a person knows.

import type { PeerKey, Tunnel } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { allocationId, peerKeyId, type Snapshot } from '#internal/model/model.ts';
import type { Decision, Stored } from '#internal/model/record.ts';
import { parsePrefix, parseWgKey } from '#internal/netip/netip.ts';
import { unchanged } from './context.ts';
import { aTurn, byHand, type Finding, finding, type Scope } from './finding.ts';

/** A generator, see checkPools. O(tunnels + keys). */
export function* checkTunnels(scope: Scope): Generator<undefined, readonly Finding[]> {
  const { snapshot, poolId } = scope;
  const found: Finding[] = [];
  let looked = 0;
  for (const [id, stored] of snapshot.tunnels) {
    looked += 1;
    if (looked % aTurn === 0) yield;
    found.push(...checkPrefixes(scope, id, stored));
    if (poolId === undefined) found.push(...checkOwnKey(snapshot, id, stored));
  }
  if (poolId !== undefined) return found;
  for (const [id, stored] of snapshot.peerkeys) found.push(...checkClaim(snapshot, id, stored));
  return found;
}

function checkPrefixes({ snapshot, poolId }: Scope, id: string, stored: Stored<Tunnel>): readonly Finding[] {
  return stored.record.prefixes.flatMap((claim): readonly Finding[] => {
    const prefix = parsePrefix(claim.prefix);
    if (typeof prefix !== 'string' || (poolId !== undefined && claim.poolId !== poolId)) return [];
    const allocation = snapshot.allocations.get(allocationId(claim.poolId, prefix))?.record;
    const about = ['tunnel', id, stored] as const;
    if (allocation === undefined) {
      const problem = `has ${prefix}, which is not allocated`;
      return [finding('orphan', about, { problem, cure: 'not mended: delete the tunnel and create it again' })];
    }
    if (allocation.tunnelId === id && allocation.prefix === prefix) return [];
    const holder = allocation.tunnelId === '' ? `held by ${allocation.owner}` : `of tunnel ${allocation.tunnelId}`;
    const problem = `has ${prefix}, which is allocated as ${allocation.prefix} and ${holder}`;
    return [finding('duplicate', about, { problem, cure: byHand })];
  });
}

function checkOwnKey(snapshot: Snapshot, id: string, stored: Stored<Tunnel>): readonly Finding[] {
  const key = parseWgKey(stored.record.publicKey);
  if (typeof key !== 'string') return [];
  const claim = snapshot.peerkeys.get(peerKeyId(key))?.record;
  if (claim?.tunnelId === id) return [];
  const about = ['tunnel', id, stored] as const;
  if (claim !== undefined) {
    const problem = `has the key that tunnel ${claim.tunnelId} claims`;
    return [finding('duplicate', about, { problem, cure: 'not mended: give one of them another key' })];
  }
  const cure = 'not mended: give it another key';
  return [finding('orphan', about, { problem: 'has a key that nobody claims', cure })];
}

function checkClaim(snapshot: Snapshot, id: string, stored: Stored<PeerKey>): readonly Finding[] {
  const { publicKey, tunnelId } = stored.record;
  const tunnel = snapshot.tunnels.get(tunnelId);
  if (tunnel?.record.publicKey === publicKey || tunnel?.record.nextPublicKey === publicKey) return [];
  const has = tunnel === undefined ? 'does not exist' : 'has another key';
  const mend: Decision = {
    compares: [unchanged('peerkey', id, stored), unchanged('tunnel', tunnelId, tunnel)],
    writes: [{ op: 'delete', kind: 'peerkey', id }],
  };
  const problem = `is claimed for tunnel ${tunnelId}, which ${has}`;
  return [finding('leak', ['peerkey', id, stored], { problem, cure: 'the key may be used again', mend })];
}
