// Absence: why a node holds nothing of a tunnel. The conditions of desired/tunnel.ts, in words.

import type { Tunnel } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { carryingPops, ownsKey, type Snapshot, standingPrefixes } from '#internal/model/model.ts';

export interface Absence {
  readonly reason: string;
  /** A command line, or empty. */
  readonly cure: string;
}

/** Undefined: the node carries it. */
export function absenceOf(
  snapshot: Snapshot,
  tunnel: Tunnel,
  node: { readonly nodeId: string; readonly popId: string },
  ref: string,
): Absence | undefined {
  const { suspension, placement, sealedPresharedKey } = tunnel;
  const pops = placement?.popIds ?? [];
  if (suspension !== undefined)
    return { reason: `${ref} is suspended: ${suspension.reason}`, cure: `pop44 tunnel unsuspend ${ref}` };
  if (!tunnel.enabled) return { reason: `${ref} is disabled`, cure: `pop44 tunnel enable ${ref}` };
  if (!carryingPops(snapshot, pops).includes(node.popId))
    return { reason: `${ref} is not placed here, but at ${pops.join(' ')}`, cure: '' };
  if (!ownsKey(snapshot, tunnel))
    return { reason: `another tunnel has the public key of ${ref}`, cure: `pop44 tunnel rotate-key ${ref}` };
  if (Object.keys(sealedPresharedKey).length > 0 && (sealedPresharedKey[node.nodeId]?.length ?? 0) === 0)
    return {
      reason: `the pre-shared key of ${ref} is not sealed to ${node.nodeId}`,
      cure: `pop44 tunnel rotate-psk ${ref}`,
    };
  if (standingPrefixes(snapshot, tunnel).length === 0)
    return { reason: `no allocation backs the prefixes of ${ref}`, cure: 'pop44 pool check' };
  return undefined;
}
