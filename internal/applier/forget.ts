// Forget: how peers of access interfaces lose their sessions and endpoints. Removed and added again: of a peer that is
// only changed WireGuard keeps both.

import type { Peer } from '#internal/dataplane/dataplane.ts';
import { accessLinks, isAccessLink } from '#internal/dataplane/ownership.ts';
import type { Step } from '#internal/plan/step.ts';

type Peers = ReadonlyMap<string, Peer>;

/** Of all that stand, or of those with these public keys. O(peers), or O(keys). */
export function forgetSteps(found: Peers, want: Peers, publicKeys?: readonly string[]): readonly Step[] {
  const asked = publicKeys?.flatMap((publicKey) => accessLinks.map((link) => `${link} ${publicKey}`));
  return [...(asked ?? found.keys())].flatMap((key): readonly Step[] => {
    const peer = found.get(key);
    if (peer === undefined || !isAccessLink(peer.link)) return [];
    const remove: Step = { op: 'remove', kind: 'peer', key, found: peer };
    const again = want.get(key);
    return again === undefined ? [remove] : [remove, { op: 'add', kind: 'peer', key, want: again }];
  });
}
