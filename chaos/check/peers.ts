// Peers: what nodes tell their privileged halves to hold of tunnels, against what the records of the same revision say.

import type { Tunnel } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { Told } from '../history.ts';
import type { Court } from './invariant.ts';
import type { Moment, State } from './replay.ts';
import { valueDigest } from './digest.ts';

/** AllowedIPs, by the public key of a peer. */
export type Peers = ReadonlyMap<string, string>;

/** What each node of its PoPs holds of a tunnel. The next key has no AllowedIPs until it first shakes hands. */
export function peersOf({ enabled, suspension, prefixes, publicKey, nextPublicKey }: Tunnel): Peers {
  const peers = new Map<string, string>();
  if (!enabled || suspension !== undefined || prefixes.length === 0) return peers;
  const allowed = prefixes.map(({ prefix }) => prefix).sort();
  peers.set(publicKey, allowed.join(' '));
  if (nextPublicKey !== '') peers.set(nextPublicKey, '');
  return peers;
}

export const peersDigest = (peers: Peers): string =>
  valueDigest(
    Buffer.from(
      [...peers]
        .map(([key, allowed]) => `${key} ${allowed}\n`)
        .sort()
        .join(''),
    ),
  );

/** Moments for the replay. */
export function judgePeers(court: Court, told: readonly Told[]): readonly Moment[] {
  return told.map(({ node, revision, peers, digest }) => ({
    revision,
    ask(state) {
      const wanted = peersAt(state, node);
      court.check('peers', peersDigest(wanted) === digest, () => {
        return `${node} at revision ${revision}: it told ${peers} peers, the records say ${wanted.size}, and not the same`;
      });
    },
  }));
}

function peersAt(state: State, node: string): Peers {
  const popId = state.of('node').get(node)?.record.popId ?? '';
  const all = new Map<string, string>();
  for (const { record } of state.of('tunnel').values())
    if (record.placement?.popIds.includes(popId) === true)
      for (const [key, allowed] of peersOf(record)) all.set(key, allowed);
  return all;
}
