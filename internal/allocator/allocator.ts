// Allocator: which prefix of a pool an owner gets next, which block can be delegated, and how full the pool is.
//
// On the path: a command asks, its decision carries what was chosen, the transaction proves that it was free.
// Never: promises anything. The index of free space is a memory of the snapshot that only proposes; the snapshot
// decides here, and etcd after it.

export { choose } from './choose.ts';
export { chooseBlock } from './choose-block.ts';
export type { FreeIndex } from './free-index.ts';
export { createFreeIndex, freeIndexOf } from './free-index.ts';
export type { Block, BlockWish, Choice, Unseen, Wish } from './wish.ts';
export { nothingUnseen } from './wish.ts';
export { poolSpace } from './utilisation.ts';
