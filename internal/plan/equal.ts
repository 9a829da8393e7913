// Equal: does a found value already do what the wanted one asks? One rule a kind.

import type { Bird, Kind, Kinds, Peer } from '#internal/dataplane/dataplane.ts';

const sameList = <T>(a: readonly T[], b: readonly T[]): boolean =>
  a.length === b.length && a.every((each, at) => each === b[at]);

/**
 * An endpoint that a peer told by itself is not drift: it is compared only where the record pins one, and only
 * when the driver reports it (it keeps silent about a peer that shook hands recently: what works is left alone).
 */
function samePeer(want: Peer, found: Peer): boolean {
  return (
    want.keepaliveSeconds === found.keepaliveSeconds &&
    want.sealedPresharedKey === found.sealedPresharedKey &&
    (want.endpoint === undefined || found.endpoint === undefined || want.endpoint === found.endpoint) &&
    sameList(want.allowedIps, found.allowedIps)
  );
}

function sameBird(want: Bird, found: Bird): boolean {
  const [lines, others] = [want.lifelines, found.lifelines];
  return (
    want.text === found.text &&
    want.netns === found.netns &&
    (want.generation ?? 0) === (found.generation ?? 0) &&
    lines.length === others.length &&
    lines.every(({ to, sessions }, at) => to === others[at]?.to && sameList(sessions, others[at].sessions))
  );
}

const sameValue = (a: unknown, b: unknown): boolean =>
  a === b || (Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((each, at) => each === b[at]));

/** Without a list of pairs or a map: tens of thousands are compared each 10 s. */
function sameFields(want: object, found: object): boolean {
  const [wanted, other] = [want, found] as Readonly<Record<string, unknown>>[];
  const names = Object.keys(want);
  return names.length === Object.keys(found).length && names.every((name) => sameValue(wanted?.[name], other?.[name]));
}

export function same<K extends Kind>(kind: K, want: Kinds[K], found: Kinds[K]): boolean {
  // The usual case: what we have applied ourselves, and what was found as wanted, is held once (applier/shared.ts).
  if (want === found) return true;
  if (kind === 'peer') return samePeer(want as Peer, found as Peer);
  return kind === 'bird' ? sameBird(want as Bird, found as Bird) : sameFields(want, found);
}
