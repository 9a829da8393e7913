// Driver: the face that every mechanism shows to the reconciler, and what all of them need: batches that bad items do
// not stop, and the checks without which no value goes into a tool's language.
//
// On the path: observe() gives what plan compares, apply() carries out what plan found.
// Never: decides what is wanted; drivers know nothing of each other.

import type { Kind, MutableDataplane } from '#internal/dataplane/dataplane.ts';
import type { Step } from '#internal/plan/step.ts';

export interface StepFailure {
  readonly step: Step;
  /** Why, in one line, secrets cut. */
  readonly message: string;
}

export interface Driver<K extends Kind = Kind> {
  /** The kinds of the dataplane that this driver owns; no other driver has them. */
  readonly kinds: readonly K[];
  /** Reads the system: everything that bears our mark (and whatever extra stands inside what is ours). */
  observe(): Promise<Pick<MutableDataplane, K>>;
  /**
   * Carries out steps of its kinds in the given order, in as few batches as the mechanism allows.
   * Gives back the steps that failed; all others were reached. One failed step does not stop the others.
   */
  apply(steps: readonly Step[]): Promise<readonly StepFailure[]>;
  /**
   * Called when the driver learns that something of ours was changed or died without us (a process's end of file,
   * another's nftables generation). The reconciler then observes at once.
   */
  onDisturbance(listener: (reason: string) => void): void;
  /** Lets go of sockets and kept tools; processes that carry traffic live on. */
  close(): Promise<void>;
}

export { type ItemFailure, rejected, sendInBatches } from './batch.ts';
export { demand, isEndpoint, isInteger, isKey, isOurLink, isPrefix } from './valid.ts';
