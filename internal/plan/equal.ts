// Equal: does a found value already do what the wanted one asks? One rule a kind.

import type { Kind, Kinds, Peer } from '#internal/dataplane/dataplane.ts';

/**
 * An endpoint that a peer told by itself is not drift: it is compared only where the record pins one, and only
 * when the driver reports it (it keeps silent about a peer that shook hands recently: what works is left alone).
 */
function samePeer(want: Peer, found: Peer): boolean {
  return (
    want.keepaliveSeconds === found.keepaliveSeconds &&
    want.sealedPresharedKey === found.sealedPresharedKey &&
    (want.endpoint === undefined || found.endpoint === undefined || want.endpoint === found.endpoint) &&
    want.allowedIps.length === found.allowedIps.length &&
    want.allowedIps.every((prefix, at) => prefix === found.allowedIps[at])
  );
}

function sameFields(want: object, found: object): boolean {
  const wanted = Object.entries(want);
  const other = new Map(Object.entries(found));
  return wanted.length === other.size && wanted.every(([name, value]) => other.get(name) === value);
}

export function same<K extends Kind>(kind: K, want: Kinds[K], found: Kinds[K]): boolean {
  return kind === 'peer' ? samePeer(want as Peer, found as Peer) : sameFields(want, found);
}
