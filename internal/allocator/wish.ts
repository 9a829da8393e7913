// Wish and choice: what is asked of a pool, and what it gives.

import type { Slab } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { Stored } from '#internal/model/record.ts';
import type { Prefix } from '#internal/netip/netip.ts';

/** What this daemon has chosen or committed and no snapshot shows yet. */
export interface Unseen {
  /** Keys of allocations that are taken. */
  readonly taken: ReadonlySet<string>;
  /**
   * A slab by its id. Revision 0n: a transaction that is being put together cuts it, and takes more with the same
   * record. `flying`: a transaction with it is under way; it is neither used nor cut.
   */
  slab(id: string): Stored<Slab> | 'flying' | undefined;
}

export const nothingUnseen: Unseen = { taken: new Set(), slab: () => undefined };

export interface Wish {
  readonly poolId: string;
  /** Prefix length of what is wanted. */
  readonly unitLength: number;
  /** Home of a slab that has to be cut, where the pool names none. */
  readonly homePopId: string;
  readonly owner: string;
  /** This one and no other; of the length `unitLength`. */
  readonly prefix?: Prefix;
  readonly unseen: Unseen;
  /** What was chosen for the same request already: taken, and the slabs that it cuts can be used along. */
  readonly chosen?: readonly Choice[];
  /** How many units after the lowest free one to begin: daemons that all take the lowest only collide. Default 0. */
  readonly skip?: number;
  /** What a refusal is about; default `tunnel.pools`. */
  readonly field?: string;
}

export interface Choice {
  readonly prefix: Prefix;
  readonly allocationId: string;
  /** 0n: the key is absent; else that of the owner's own record, in quarantine or without a tunnel, that is taken up. */
  readonly allocationRevision: bigint;
  readonly slabId: string;
  readonly slab: Slab;
  /** 0n: the slab is to be cut with the allocation. */
  readonly slabRevision: bigint;
}

/** A block of whole slabs, to be delegated. */
export interface BlockWish {
  readonly poolId: string;
  /** At most the pool's slab length, and at least 6 less: 64 slabs. */
  readonly length: number;
  /** This one and no other; of that length. */
  readonly prefix?: Prefix;
  readonly unseen: Unseen;
  /** What a refusal is about; default `pool.length`. */
  readonly field?: string;
}

export interface Block {
  readonly prefix: Prefix;
  /** Every slab in it, ascending; revision 0n: none of them is cut yet. */
  readonly slabs: readonly { readonly slabId: string; readonly prefix: Prefix; readonly revision: bigint }[];
}
