// Given up: which prefixes no longer belong to whom they belonged before some steps were reached.

import type { Peer } from '#internal/dataplane/dataplane.ts';
import { accessLinks, isAccessLink } from '#internal/dataplane/ownership.ts';
import type { Step } from '#internal/plan/step.ts';

const without = (prefixes: readonly string[], others: readonly string[]): readonly string[] =>
  prefixes.filter((prefix) => !others.includes(prefix));

/**
 * One key of a tunnel and its next one, or the other way round when a rotation is taken back; or the same one, which was
 * removed and added to forget its session.
 */
const ofOneTunnel = (a: Peer, b: Peer): boolean =>
  a.publicKey === b.publicKey || a.successorOf === b.publicKey || b.successorOf === a.publicKey;

type Peers = ReadonlyMap<string, Peer>;

/**
 * While a PoP's key is rotated a tunnel has its prefixes on both interfaces; when its own key is rotated too, perhaps with
 * another key on the other one.
 */
function onTheOther(from: Peer, prefix: string, peers: Peers): boolean {
  const holds = (peer: Peer | undefined): boolean => peer?.allowedIps.includes(prefix) === true;
  return accessLinks.some((link) => {
    if (link === from.link) return false;
    const same = peers.get(`${link} ${from.publicKey}`);
    if (holds(same) || holds(peers.get(`${link} ${from.successorOf ?? ''}`))) return true;
    // It has given them to its successor: the one case in which all are looked at.
    if (same?.allowedIps.length !== 0) return false;
    return [...peers.values()].some((peer) => peer.link === link && peer.successorOf === from.publicKey && holds(peer));
  });
}

/**
 * Prefixes that a peer of an access interface has lost: to nobody (deleted, suspended, disabled, placed elsewhere) or to
 * another tunnel. A key that takes over its tunnel's prefixes is no other one, and the same key on the other interface
 * is the same tunnel. O(steps).
 * @param peers as they are now
 */
export function givenUp(steps: readonly Step[], peers: Peers): readonly string[] {
  const lost = new Map<string, Peer>();
  /** As they are now and as they were: either tells whom they follow. */
  const gained = new Map<string, readonly Peer[]>();
  for (const step of steps) {
    if (step.kind !== 'peer') continue;
    const found = step.op === 'add' ? undefined : step.found;
    const want = step.op === 'remove' ? undefined : step.want;
    const [before, after] = [found?.allowedIps ?? [], want?.allowedIps ?? []];
    if (found !== undefined && isAccessLink(found.link))
      for (const prefix of without(before, after)) lost.set(prefix, found);
    const known = [want, found].filter((peer) => peer !== undefined);
    for (const prefix of without(after, before)) gained.set(prefix, known);
  }
  return [...lost]
    .filter(
      ([prefix, from]) => !onTheOther(from, prefix, peers) && !gained.get(prefix)?.some((to) => ofOneTunnel(from, to)),
    )
    .map(([prefix]) => prefix)
    .sort();
}
