// Tunnel fields: the rules that creating and updating a tunnel share.

import { type Refusal, refuse } from '#internal/errors/errors.ts';
import { namesakes, peerKeyId, type Snapshot } from '#internal/model/model.ts';
import type { WgKey } from '#internal/netip/netip.ts';
import { exists, rangeField } from './fields.ts';

/** The largest that fits a 1,500-byte path by IPv4 and IPv6 (1500 - 40 - 8 - 32). */
export const defaultMtu = 1420;
/** Seconds; below the shortest time, 30 s, after which common NATs forget a UDP flow (RFC 4787 4.3 asks for 120 s). */
export const defaultKeepaliveSeconds = 25;

export function mtuField(value: number): Refusal | undefined {
  // RFC 8200 section 5: IPv6 wants 1280.
  return rangeField('tunnel.mtu', value, 1280, defaultMtu);
}

export function keepaliveField(value: number): Refusal | undefined {
  return rangeField('tunnel.keepalive_seconds', value, 0, 120);
}

/** The owner has no other tunnel of that name. Two that are created in the same moment can still share one. */
export function freeName(snapshot: Snapshot, owner: string, name: string): Refusal | undefined {
  if (namesakes(snapshot.tunnelsByOwnerAndName, `${owner}/${name}`).length === 0) return undefined;
  return exists('tunnel.name', name, `is the name of another tunnel of ${owner}`, 'another name');
}

/** No tunnel and no PoP has the key. Who has it is not told: the owner may be another. */
export function freeKey(snapshot: Snapshot, key: WgKey, field = 'tunnel.public_key'): Refusal | undefined {
  const ofPop = [...snapshot.pops.values()].some(({ record }) => record.publicKey === key);
  if (!ofPop && !snapshot.peerkeys.has(peerKeyId(key))) return undefined;
  return refuse('duplicate-key', {
    field,
    value: key,
    problem: ofPop ? 'is the key of a PoP' : 'is the key of another tunnel',
    cure: 'a key pair of its own for each tunnel',
  });
}
