// Finding: something in the records that no command leaves behind.

import { type Snapshot, splitId } from '#internal/model/model.ts';
import type { Decision, RecordKind, Stored } from '#internal/model/record.ts';

/**
 * `leak`: held, and nobody knows of it. `orphan`: what it belongs to is gone. `duplicate`: two claim it. `overlap`: it
 * covers what is another's. `quota`: a count is wrong.
 */
export type FindingKind = 'leak' | 'duplicate' | 'orphan' | 'overlap' | 'quota';

export interface Finding {
  readonly kind: FindingKind;
  /** `allocation/4-2c1f0000-22/2c1f0007` */
  readonly record: string;
  /** Of that record: found again at the same one, it was so all the time in between. */
  readonly revision: bigint;
  readonly problem: string;
  /** What mending does, or what a person can do. */
  readonly cure: string;
  /** Only where one mend is safe. Its conditions are everything that it was decided from. */
  readonly mend?: Decision;
}

/** What is looked at. */
export interface Scope {
  readonly snapshot: Snapshot;
  readonly now: Date;
  /** Of this pool alone; undefined: everything. */
  readonly poolId: string | undefined;
}

export function finding(
  kind: FindingKind,
  [of, id, stored]: readonly [RecordKind, string, Stored<unknown>],
  about: Pick<Finding, 'problem' | 'cure' | 'mend'>,
): Finding {
  return { kind, record: `${of}/${id}`, revision: stored.revision, ...about };
}

/** Those whose id, of a slab, allocation or reservation, is under a pool in scope. */
export function* inScope<T>(
  table: Iterable<readonly [string, Stored<T>]>,
  { poolId }: Scope,
): Iterable<readonly [id: string, stored: Stored<T>]> {
  for (const entry of table) {
    if (poolId === undefined || splitId(entry[0])?.poolId === poolId) yield entry;
  }
}

export const byHand = 'not mended: it takes a person to say which is right';

/** Records that are looked at before others get their turn: about 5 ms. */
export const aTurn = 2_000;
