// Given up: which prefixes no longer belong to whom they belonged before some steps were reached.

import type { Peer } from '#internal/dataplane/dataplane.ts';
import { accessLink } from '#internal/dataplane/ownership.ts';
import type { Step } from '#internal/plan/step.ts';

const without = (prefixes: readonly string[], others: readonly string[]): readonly string[] =>
  prefixes.filter((prefix) => !others.includes(prefix));

/**
 * One key of a tunnel and its next one, or the other way round when a rotation is taken back; or the same one, which was
 * removed and added to forget its session.
 */
const ofOneTunnel = (a: Peer, b: Peer): boolean =>
  a.publicKey === b.publicKey || a.successorOf === b.publicKey || b.successorOf === a.publicKey;

/**
 * Prefixes that a peer of the access interface has lost: to nobody (deleted, suspended, disabled, placed elsewhere) or to
 * another tunnel. A key that takes over its tunnel's prefixes is no other one. O(steps).
 */
export function givenUp(steps: readonly Step[]): readonly string[] {
  const lost = new Map<string, Peer>();
  /** As they are now and as they were: either tells whom they follow. */
  const gained = new Map<string, readonly Peer[]>();
  for (const step of steps) {
    if (step.kind !== 'peer') continue;
    const found = step.op === 'add' ? undefined : step.found;
    const want = step.op === 'remove' ? undefined : step.want;
    const [before, after] = [found?.allowedIps ?? [], want?.allowedIps ?? []];
    if (found?.link === accessLink) for (const prefix of without(before, after)) lost.set(prefix, found);
    const known = [want, found].filter((peer) => peer !== undefined);
    for (const prefix of without(after, before)) gained.set(prefix, known);
  }
  return [...lost]
    .filter(([prefix, from]) => !gained.get(prefix)?.some((to) => ofOneTunnel(from, to)))
    .map(([prefix]) => prefix)
    .sort();
}
