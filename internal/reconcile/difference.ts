// Difference: what the privileged half must be told so that its want follows the snapshot.
//
// Costs what changed: parts of the tunnels named, and the frame only when the fabric changed.

import { type Dataplane, emptyDataplane, type Item, type Kind } from '#internal/dataplane/dataplane.ts';
import { isAccessLink } from '#internal/dataplane/ownership.ts';
import {
  type Carrier,
  carrierOf,
  desired,
  frame,
  type Here,
  type PartSource,
  part,
  type Self,
} from '#internal/desired/desired.ts';
import type { Snapshot } from '#internal/model/model.ts';
import { plan } from '#internal/plan/plan.ts';
import type { Step } from '#internal/plan/step.ts';
import type { Touched } from './touched.ts';

/** What the privileged half was last told, in the terms it was made from. */
export interface Told {
  readonly snapshot: Snapshot;
  readonly self: Self;
  readonly here: Here;
  readonly frame: Dataplane;
  readonly carrier: Carrier | undefined;
  /** Tunnels that have a peer. */
  readonly peers: number;
}

export interface Difference {
  readonly put: readonly Item[];
  readonly remove: readonly (readonly [Kind, string])[];
  readonly told: Told;
  /** Tunnels' peers that vanish and do not come back under another key. */
  readonly lostPeers: number;
}

/** What of it the parts of tunnels are made from. */
export const sameCarrier = (a: Carrier | undefined, b: Carrier | undefined): boolean =>
  a?.popId === b?.popId &&
  a?.popIds.join() === b?.popIds.join() &&
  a?.internetTable === b?.internetTable &&
  a?.accessLinks.join() === b?.accessLinks.join();

function parts(source: PartSource, ids: Iterable<string>): Dataplane {
  const made = emptyDataplane();
  for (const id of ids) part(source, id, made);
  return made;
}

/**
 * Keys of peers, which may stand on two interfaces; those that only wait to take over a tunnel are none yet, and one that
 * has taken over replaces another.
 */
function carrying({ peer }: Dataplane): number {
  const keys = new Set<string>();
  for (const { publicKey, successorOf } of peer.values()) if (successorOf === undefined) keys.add(publicKey);
  return keys.size;
}

const itemOf = (step: Step): Item => {
  if (step.op === 'remove') throw new TypeError('a removal has no item');
  return [step.kind, step.want] as Item;
};

/** From what was told to what the snapshot asks now. `before` undefined: everything is new. */
export function difference(
  before: Told | undefined,
  touched: Touched,
  now: { readonly snapshot: Snapshot; readonly self: Self; readonly here: Here },
): Difference {
  const { snapshot, self, here } = now;
  const carrier = carrierOf(snapshot, self);
  const remake = before === undefined || touched.frame || touched.everything;
  const nextFrame = remake ? frame(snapshot, self) : before.frame;
  const whole = before === undefined || touched.everything || !sameCarrier(before.carrier, carrier);
  const ids = whole
    ? new Set([...(before?.snapshot.tunnels.keys() ?? []), ...snapshot.tunnels.keys()])
    : touched.tunnels;
  const old = before === undefined ? emptyDataplane() : parts(before, ids);
  const next = parts({ snapshot, carrier, here }, ids);
  const steps = [...(remake ? plan(nextFrame, before?.frame ?? emptyDataplane()) : []), ...plan(next, old)];
  const told: Told = {
    snapshot,
    self,
    here,
    frame: nextFrame,
    carrier,
    peers: (before?.peers ?? 0) - carrying(old) + carrying(next),
  };
  return {
    put: steps.filter((step) => step.op !== 'remove').map(itemOf),
    remove: steps.filter((step) => step.op === 'remove').map((step) => [step.kind, step.key] as const),
    told,
    lostPeers: Math.max(0, carrying(old) - carrying(next)),
  };
}

/** Of a told state; every link of the frame but access interfaces is one. */
export const interconnectsOf = (told: Told | undefined): number =>
  told === undefined ? 0 : [...told.frame.link.keys()].filter((name) => !isAccessLink(name)).length;

/** Everything of a told state, for a privileged half that knows nothing. */
export const wholeOf = ({ snapshot, self, here }: Told): Dataplane => desired(snapshot, self, here);
