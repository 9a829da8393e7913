// Difference: what the privileged half must be told so that its want follows the snapshot.
//
// Costs what changed: parts of the tunnels named, and the frame only when the fabric changed.

import { accessLink } from '#internal/dataplane/ownership.ts';
import { type Dataplane, emptyDataplane, type Item, type Kind } from '#internal/dataplane/dataplane.ts';
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
import type { RecordChange, Snapshot } from '#internal/model/model.ts';
import { plan } from '#internal/plan/plan.ts';
import type { Step } from '#internal/plan/step.ts';

/** What the privileged half was last told, in the terms it was made from. */
export interface Told {
  readonly snapshot: Snapshot;
  readonly here: Here;
  readonly frame: Dataplane;
  readonly carrier: Carrier | undefined;
  /** Peers of tunnels. */
  readonly peers: number;
}

/** What may differ since then. */
export interface Touched {
  readonly tunnels: ReadonlySet<string>;
  readonly frame: boolean;
  /** Something that any tunnel's part may rest on. */
  readonly everything: boolean;
}

export interface Difference {
  readonly put: readonly Item[];
  readonly remove: readonly (readonly [Kind, string])[];
  readonly told: Told;
  /** Tunnels' peers that vanish and do not come back under another key. */
  readonly lostPeers: number;
}

export const untouched: Touched = { tunnels: new Set(), frame: false, everything: false };

/** Kinds whose change makes the frame anew. */
const frameKinds: ReadonlySet<string> = new Set([
  'network',
  'realm',
  'pop',
  'node',
  'interconnect',
  'upstream',
  'pool',
  'slab',
]);

/** Which tunnels and what else a batch of changes may concern. */
export function touch(before: Touched, changes: readonly RecordChange[]): Touched {
  const tunnels = new Set(before.tunnels);
  let frameToo = before.frame;
  let everything = before.everything;
  const bringsTunnel = changes.some((change) => change.kind === 'allocation' && change.before === undefined);
  for (const change of changes) {
    if (frameKinds.has(change.kind)) frameToo = true;
    switch (change.kind) {
      case 'tunnel':
        tunnels.add(change.id);
        break;
      case 'allocation':
      case 'peerkey':
        if (change.before !== undefined) tunnels.add(change.before.record.tunnelId);
        if (change.after !== undefined) tunnels.add(change.after.record.tunnelId);
        break;
      case 'slab':
        // A new slab comes with its first tunnel. One that changes, goes, or comes back (mended by hand) alone concerns
        // whoever lies in it.
        if (change.before !== undefined || !bringsTunnel) everything = true;
        break;
      case 'pool':
      case 'realm':
        everything = true;
        break;
      default:
        break;
    }
  }
  return { tunnels, frame: frameToo, everything };
}

const sameCarrier = (a: Carrier | undefined, b: Carrier | undefined): boolean =>
  a?.popId === b?.popId && a?.internetTable === b?.internetTable;

function parts(source: PartSource, ids: Iterable<string>): Dataplane {
  const made = emptyDataplane();
  for (const id of ids) part(source, id, made);
  return made;
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
    here,
    frame: nextFrame,
    carrier,
    peers: (before?.peers ?? 0) - old.peer.size + next.peer.size,
  };
  return {
    put: steps.filter((step) => step.op !== 'remove').map(itemOf),
    remove: steps.filter((step) => step.op === 'remove').map((step) => [step.kind, step.key] as const),
    told,
    lostPeers: Math.max(0, old.peer.size - next.peer.size),
  };
}

/** Of a told state; every link of the frame but the access interface is one. */
export const interconnectsOf = (told: Told | undefined): number =>
  told === undefined ? 0 : [...told.frame.link.keys()].filter((name) => name !== accessLink).length;

/** Everything of a told state, for a privileged half that knows nothing. */
export const wholeOf = (told: Told, self: Self): Dataplane => desired(told.snapshot, self, told.here);
