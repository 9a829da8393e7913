// Peer steps: what WireGuard itself does, on the way out of a tunnel and into it.

import type { Peer } from '#internal/dataplane/dataplane.ts';
import type { Packet } from './packet.ts';
import { within } from './packet.ts';
import type { Plane } from './plane.ts';
import type { Party, Scene } from './scene.ts';
import type { Step } from './step.ts';

/** Enough to tell keys apart; the whole stands in `tunnel get`. */
const short = (publicKey: string): string => `${publicKey.slice(0, 8)}...`;

/** Of the keys of a tunnel the one that has the address, or else one that is there. */
function peerOf(plane: Plane, party: Party, address: Packet['to']): Peer | undefined {
  const peers = party.publicKeys.flatMap((publicKey) => plane.get('peer', `${party.link} ${publicKey}`) ?? []);
  return peers.find(({ allowedIps }) => within(allowedIps, address)) ?? peers[0];
}

const missing = (party: Party | undefined): string =>
  party === undefined ? 'no tunnel has this address' : (party.absence?.reason ?? `no peer for ${party.ref}`);

export function senderStep(plane: Plane, { source, packet }: Scene): Step {
  const where = 'sender';
  const peer = source && peerOf(plane, source, packet.from);
  if (peer === undefined) return { where, verdict: 'dropped', rule: missing(source), evidence: source?.link ?? '' };
  const evidence = `${peer.link} peer ${short(peer.publicKey)}`;
  return within(peer.allowedIps, packet.from) === undefined
    ? { where, verdict: 'dropped', rule: `WireGuard takes no ${packet.from} from ${source?.ref}`, evidence }
    : { where, verdict: 'passes', rule: `WireGuard takes ${packet.from} from ${source?.ref}`, evidence };
}

export function receiverStep(plane: Plane, { target, packet }: Scene): Step {
  const where = 'receiver';
  const peer = target && peerOf(plane, target, packet.to);
  if (peer === undefined) return { where, verdict: 'dropped', rule: missing(target), evidence: target?.link ?? '' };
  const evidence = `${peer.link} peer ${short(peer.publicKey)}`;
  return within(peer.allowedIps, packet.to) === undefined
    ? { where, verdict: 'dropped', rule: `WireGuard leads no ${packet.to} to ${target?.ref}`, evidence }
    : { where, verdict: 'passes', rule: `WireGuard leads ${packet.to} to ${target?.ref}`, evidence };
}

/** REJECT_AFTER_TIME (WireGuard paper, 6.1): a session is dead unless it was renewed. */
const sessionMs = 180_000;

/** `12 s ago`, `3 min ago`, `2 h ago`. */
export function agoText(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  if (seconds < 120) return `${seconds} s ago`;
  return seconds < 7_200 ? `${Math.round(seconds / 60)} min ago` : `${Math.round(seconds / 3_600)} h ago`;
}

/** Only a kernel has sessions. */
export function sessionStep(plane: Plane, { target, nowMs }: Scene): Step | undefined {
  if (plane.sessions === undefined || target === undefined) return undefined;
  const own = plane.sessions.filter(({ publicKey }) => target.publicKeys.includes(publicKey));
  const newest = own.toSorted((a, b) => b.handshakeMs - a.handshakeMs)[0];
  const where = 'session';
  if (newest === undefined || (newest.handshakeMs === 0 && newest.endpoint === ''))
    return { where, verdict: 'dropped', rule: `${target.ref} has never called this node`, evidence: '', open: true };
  const age = nowMs - newest.handshakeMs;
  const evidence = `${short(newest.publicKey)} at ${newest.endpoint || 'no endpoint'}`;
  const rule =
    newest.handshakeMs === 0
      ? 'no handshake yet: one is tried first'
      : `last handshake ${agoText(age)}${age < sessionMs ? '' : ': another is tried first'}`;
  return { where, verdict: 'passes', rule, evidence, open: true };
}
