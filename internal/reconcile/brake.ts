// Brake: a snapshot that would take away much of what works is held until an operator confirms it.
//
// An emptied etcd, a restore of something else, a prefix deleted by hand: all look like orders to remove. Pure.

import { readerVersion, type Snapshot } from '#internal/model/model.ts';

/** Share of peers that one step may remove. */
const brakeShare = 0.1;
/** Fewer than this are never many: a club that deletes its two tunnels is no accident. */
const brakeFloor = 2;

/** Why this build must not act on `next` at all, or undefined: nobody can confirm what it would only guess at. */
export function barred(next: Snapshot): string | undefined {
  const wanted = next.network?.record.minReaderVersion ?? 0;
  if (wanted <= readerVersion) return undefined;
  return `the records want a reader of version ${wanted}, this daemon reads ${readerVersion}: upgrade pop44d`;
}

/** Why `next` is held, or undefined. `before`: the last good snapshot. */
export function brake(
  before: Snapshot | undefined,
  next: Snapshot,
  step: {
    readonly lostPeers: number;
    /** Of them, those that one transaction took: one by one is no accident. */
    readonly atOnce: number;
    readonly peers: number;
    readonly lostNode: boolean;
    /** Interconnects of this node before and after. */
    readonly interconnects: readonly [number, number];
  },
): string | undefined {
  const uid = before?.network?.record.uid;
  if (uid !== undefined) {
    if (next.network === undefined) return 'the store has no network record: emptied?';
    if (next.network.record.uid !== uid)
      return `the store belongs to another network (${next.network.record.uid}, ours is ${uid})`;
  }
  // Without them nothing at all is desired: links, routes and announcements would go with the peers.
  if (step.lostNode) return 'the store has lost this node: its record, its PoP or the realm internet is gone';
  const [had, has] = step.interconnects;
  if (had > 1 && has === 0) return `all ${had} interconnects of this node would be removed at once`;
  if (step.atOnce > brakeFloor && step.atOnce > step.peers * brakeShare)
    return `${step.lostPeers} of ${step.peers} peers would be removed at once`;
  return undefined;
}
