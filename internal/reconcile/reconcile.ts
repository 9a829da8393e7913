// Reconcile: the loop of the network half, from the store's batches to what the privileged half is told.
//
// On the path: batches are folded into the snapshot, the difference of the desired goes through the seam, the answer
// becomes the node's applied revision. Without etcd it starts from the last good snapshot on disk.
// Never: touches the kernel, or lets through a step that takes away much of what works (brake.ts).

import { carrierOf, type Here, type Self } from '#internal/desired/desired.ts';
import { messageOf } from '#internal/errors/errors.ts';
import type { Log } from '#internal/log/log.ts';
import { emptySnapshot, fold, type RecordChange, type Snapshot } from '#internal/model/model.ts';
import type { Batch } from '#internal/model/record.ts';
import type { Applied, FromDataplane, Want } from '#internal/seam/seam.ts';
import { putsOf } from '#internal/seam/seam.ts';
import type { Status } from '#internal/status/status.ts';
import type { Share } from '#internal/verdict/verdict.ts';
import { barred, brake } from './brake.ts';
import { type Difference, difference, interconnectsOf, type Told, wholeOf } from './difference.ts';
import { type Touched, touch, untouched } from './touched.ts';

export { type Forecast, forecast } from './forecast.ts';

/** Where the last good snapshot is kept. */
export interface Disk {
  append(batch: Batch): Promise<void>;
}

export interface ReconcilerParts {
  readonly self: Self;
  readonly send: (message: Want) => void;
  readonly disk: Disk;
  readonly status: Status;
  readonly log: Log;
  /** Hears every change of the snapshot, after the fold. */
  readonly onChanges?: (snapshot: Snapshot, changes: readonly RecordChange[]) => void;
}

export interface Reconciler {
  /** The newest snapshot, held or not. */
  snapshot(): Snapshot;
  /** From disk, before the store is reached: believed without a brake. */
  load(batch: Batch): void;
  /** From the store. */
  take(batch: Batch): void;
  /** From the privileged half. */
  message(message: FromDataplane): void;
  /** The privileged half is away. */
  lost(): void;
  /** Tunnels that are live here, and which of them have come or gone. */
  live(here: Here, moved: readonly string[]): void;
  /** What the paths to neighbours are worth now, by the names of their links. */
  shares(next: ReadonlyMap<string, Share>): void;
  /**
   * Lets a held snapshot through; gives the reason for which it was held, empty if it was not. What it cannot let
   * through (see the own report) stays held.
   */
  release(): string;
}

/** A tunnel was deleted, disabled or suspended: a wish, of which each transaction has one. */
function stopped(change: RecordChange): boolean {
  if (change.kind !== 'tunnel') return false;
  const [before, after] = [change.before, change.after].map(
    (stored) => stored?.record.enabled === true && stored.record.suspension === undefined,
  );
  return before === true && after !== true;
}

/** A line of a table: it names the step and why. */
const longestFailure = 240;

const failingOf = ({ failing, failures: [first = ''] }: Pick<Applied, 'failing' | 'failures'>) => ({
  failingSteps: failing,
  failure: first.slice(0, longestFailure),
});

export function createReconciler({ self, send, disk, status, log, onChanges }: ReconcilerParts): Reconciler {
  let snapshot = emptySnapshot();
  let good: Snapshot | undefined;
  let told: Told | undefined;
  let touched: Touched = untouched;
  /** With what its paths are worth. */
  let itself = self;
  let here: Here = new Set();
  /** Peers that the privileged half found at its start: the brake's measure for the first want. */
  let foundPeers = 0;
  let connected = false;
  let number = 0;
  let outstanding: { readonly number: number; readonly snapshot: Snapshot } | undefined;
  let held = '';
  /** Batches that make up the held snapshot: they reach the disk when it is let through. */
  let unsaved: Batch[] = [];
  /** Tunnels that stopped since the last want: the most in one batch, and all. One by one they are no accident. */
  let ended = { most: 0, all: 0 };

  const save = (): void => {
    for (const batch of unsaved)
      disk.append(batch).catch((cause: unknown) => log.error('disk-snapshot-failed', { reason: messageOf(cause) }));
    unsaved = [];
  };

  function hold(reason: string): void {
    if (held === reason) return;
    if (reason !== '') log.error('brake-holds', { reason });
    else log.info('brake-released');
    held = reason;
    status.update({ held });
  }

  /** Nothing asks for a step: no snapshot yet (wanting nothing would remove everything), or nothing new. */
  const idle = (): boolean =>
    snapshot.revision === 0n ||
    (told !== undefined && told.snapshot === snapshot && told.here === here && told.self === itself);

  /** A snapshot that no dataplane can be made of (a hand-written record that every parser let through) is held. */
  function stepTo(target: Snapshot): Difference | undefined {
    try {
      return difference(told, touched, { snapshot: target, self: itself, here });
    } catch (cause) {
      hold(`no dataplane can be made of the snapshot: ${messageOf(cause)}`);
      return undefined;
    }
  }

  /**
   * One want at a time: what comes meanwhile is told in the next.
   * @param confirmed the reason for holding that an operator has seen; another one holds all the same
   */
  function pump(confirmed = ''): void {
    if (!connected || outstanding !== undefined || idle()) return;
    // A privileged half that knows nothing yet is told the last good snapshot first: whatever came since may be held.
    const target = told === undefined && good !== undefined ? good : snapshot;
    const bar = barred(target);
    if (bar !== undefined) return hold(bar);
    const step = stepTo(target);
    if (step === undefined) return;
    const lostPeers = told === undefined ? Math.max(0, foundPeers - step.told.peers) : step.lostPeers;
    const peers = told === undefined ? foundPeers : told.peers;
    const atOnce = Math.min(lostPeers, Math.max(ended.most, lostPeers - ended.all));
    const lostNode = good !== undefined && carrierOf(good, self) !== undefined && step.told.carrier === undefined;
    const reason = brake(good, target, {
      lostPeers,
      atOnce,
      peers,
      lostNode,
      interconnects: [interconnectsOf(told), interconnectsOf(step.told)],
    });
    if (reason !== undefined && reason !== confirmed) return hold(reason);
    const whole = told === undefined;
    told = step.told;
    if (target === snapshot) {
      hold('');
      ended = { most: 0, all: 0 };
      touched = untouched;
      good = snapshot;
      save();
    }
    if (!whole && step.put.length === 0 && step.remove.length === 0) {
      status.update({ appliedRevision: target.revision });
      return;
    }
    number += 1;
    outstanding = { number, snapshot: target };
    send({
      type: 'want',
      number,
      revision: String(target.revision),
      whole,
      put: step.put,
      remove: step.remove,
    });
  }

  function applied(message: Applied): void {
    if (outstanding?.number !== message.number) return;
    const { revision } = outstanding.snapshot;
    outstanding = undefined;
    status.update({ appliedRevision: revision, ...failingOf(message) });
    pump();
  }

  function absorb(batch: Batch): void {
    const folded = fold(snapshot, batch);
    snapshot = folded.snapshot;
    touched = touch(touched, folded.changes);
    const stops = folded.changes.filter(stopped).length;
    ended = { most: Math.max(ended.most, stops), all: ended.all + stops };
    status.update({ snapshotRevision: snapshot.revision });
    onChanges?.(snapshot, folded.changes);
  }

  return {
    snapshot: () => snapshot,
    load: (batch) => {
      absorb(batch);
      good = snapshot;
      pump();
    },
    take: (batch) => {
      // A batch without events only says how far the watch has come.
      if (batch.relisted) unsaved = [batch];
      else if (batch.events.length > 0) unsaved.push(batch);
      absorb(batch);
      pump();
    },
    message: (message) => {
      switch (message.type) {
        case 'hello':
          connected = true;
          outstanding = undefined;
          foundPeers = message.accessPeers;
          if (told === undefined) return pump();
          // The privileged half was restarted: it is told again all that it was told before.
          number += 1;
          outstanding = { number, snapshot: told.snapshot };
          return send({
            type: 'want',
            number,
            revision: String(told.snapshot.revision),
            whole: true,
            put: putsOf(wholeOf(told)),
            remove: [],
          });
        case 'applied':
          return applied(message);
        case 'health':
          return status.update(failingOf(message));
        case 'handshakes':
        case 'traffic':
        case 'interconnect-key':
        case 'sessions':
        case 'denials':
        case 'facts':
        case 'whereabouts':
        case 'duty':
        case 'flows':
        case 'taken-over':
        case 'contact':
        case 'links':
        case 'bgp-counts':
        case 'open-flows':
        case 'relayed':
        case 'echo':
          return undefined;
      }
    },
    lost: () => {
      connected = false;
      outstanding = undefined;
      log.warn('dataplane-lost');
    },
    live: (next, moved) => {
      touched = { ...touched, tunnels: new Set([...touched.tunnels, ...moved]) };
      here = next;
      pump();
    },
    shares: (next) => {
      itself = { ...self, shares: next };
      touched = { ...touched, frame: true };
      pump();
    },
    release: () => {
      const reason = held;
      if (reason !== '') pump(reason);
      return reason;
    },
  };
}
