// Believed: what of a sibling's whereabouts is taken. It is a machine of its own, and may have been broken into: what it says
// goes on into WireGuard, nft and a file of the privileged half.

import { isAccessLink } from '#internal/dataplane/ownership.ts';
import { endpointAddress } from '#internal/netip/netip.ts';
import type { Whereabout } from './whereabouts.ts';

/** A sibling's clock may be ahead by so much; more would make its word the newest for as long. */
const mostAheadMs = 60_000;
/** A satellite's 600 ms, twice and more (duty/endpoints.ts). */
const longestTripMs = 1_500;
/** As many as a device holds peers: the seam takes no more at once. */
const most = 65_536;

/** @param stands whether the key is a tunnel's. O(peers) */
export function believed(
  peers: readonly Whereabout[],
  stands: (publicKey: string) => boolean,
  nowMs: number,
): readonly Whereabout[] {
  return peers.slice(0, most).flatMap(([publicKey, endpoint, handshakeMs, link, rttMs = 0]): Whereabout[] => {
    const sane = Number.isSafeInteger(handshakeMs) && handshakeMs >= 0 && handshakeMs <= nowMs + mostAheadMs;
    if (!sane || !isAccessLink(link) || endpointAddress(endpoint) === undefined || !stands(publicKey)) return [];
    // What is too long for one is said to be not known: it would keep a client from being called again.
    return [[publicKey, endpoint, Math.min(handshakeMs, nowMs), link, rttMs <= longestTripMs ? rttMs : 0]];
  });
}
