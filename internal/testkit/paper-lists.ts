// Paper lists: what stands on the paper that the commands on pools are compared with.

import type { Block } from './paper-block.ts';

export interface Pool {
  /** The prefix that it was created with. */
  readonly name: string;
  readonly at: Block;
  readonly slabLength: number;
  readonly home: string;
  /** Name of the pool that it was delegated out of; empty: none. */
  readonly parent: string;
  readonly frozen: boolean;
  /** Seconds. */
  readonly quarantine: number;
}
export interface Item {
  readonly pool: string;
  readonly at: Block;
  readonly state: 'held' | 'quarantined' | 'delegated';
  readonly owner: string;
  /** Seconds; of what is quarantined. */
  readonly until: number;
}
export interface Slab {
  readonly pool: string;
  readonly at: Block;
  readonly unit: number;
  readonly home: string;
  /** The whole slab was delegated. */
  readonly delegated: boolean;
  /** Cut by the request that is being answered. */
  readonly fresh: boolean;
}
export interface Reservation {
  readonly pool: string;
  readonly at: Block;
  readonly owner: string;
}
/** Several units of a length, or one prefix (which may be empty). */
export interface PaperWish {
  readonly pool: string;
  readonly length: number;
  readonly count: number;
  readonly prefix: string;
}
/** An answer is the blocks that were given (none by what gives none), or the word of a refusal. */
export type Answer = readonly Block[] | string;
