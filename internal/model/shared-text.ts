// Shared text: the few ids and owners that thousands of records repeat, held once. A decoder makes a new string for
// each field; at 10,000 tunnels that was 7 MB of 40 (measured).

import type { Allocation, Tunnel } from '#internal/gen/pop44/store/v1/records_pb.ts';

// More different texts than pools, PoPs and realms have; owners may be more, then sharing starts anew.
const most = 8192;
const held = new Map<string, string>();

function shared(text: string): string {
  const known = held.get(text);
  if (known !== undefined) return known;
  if (held.size >= most) held.clear();
  held.set(text, text);
  return text;
}

/** Changes no value: only which of two equal strings a field points to. */
export function shareTunnelText(tunnel: Tunnel): void {
  tunnel.owner = shared(tunnel.owner);
  tunnel.realmIds = tunnel.realmIds.map(shared);
  if (tunnel.placement !== undefined) tunnel.placement.popIds = tunnel.placement.popIds.map(shared);
  for (const prefix of tunnel.prefixes) {
    prefix.poolId = shared(prefix.poolId);
    prefix.realmId = shared(prefix.realmId);
    prefix.homePopId = shared(prefix.homePopId);
  }
}

export function shareAllocationText(allocation: Allocation): void {
  allocation.poolId = shared(allocation.poolId);
  allocation.owner = shared(allocation.owner);
}
