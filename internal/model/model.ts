// Model: all fabric records at one etcd revision as one immutable value, and what may be believed of them.
//
// On the path: the store's batches are folded in; commands, desired and status read what comes out.
// Never: reads etcd, a clock or the kernel; never drops a record that it doubts: it stays visible in the snapshot and
// only does not stand.

export { carryingPops, groupOf, popsOfGroup, servedPop } from './anycast.ts';
export type { Folded, RecordChange } from './fold.ts';
export { fold, foldDecision } from './fold.ts';
export {
  allocationId,
  blackholeId,
  growthLimit,
  parsePoolId,
  peerKeyId,
  poolId,
  reservationId,
  slabId,
  slabLengthOf,
  slabLengthOfPool,
  splitId,
} from './ids.ts';
export { inForce, nodesInForce } from './in-force.ts';
export { lastResortOrigin, possibleOrigins } from './last-resort.ts';
export { namesakes } from './name-index.ts';
export type {
  Lifetime,
  PersonBatch,
  PersonCompare,
  PersonDecision,
  PersonEvent,
  PersonKind,
  PersonRecords,
  PersonWrite,
} from './person-record.ts';
export { personSchemas } from './person-record.ts';
export type { PoolUse } from './pool-use.ts';
export { recordSchemas } from './schemas.ts';
export { signingAuthority } from './signing-authority.ts';
export type { Snapshot } from './snapshot.ts';
export { emptySnapshot, networkId, readerVersion } from './snapshot.ts';
export type { Holder } from './standing.ts';
export { holderOf, ownsKey, slabStands, standingPrefixes } from './standing.ts';
export type { StandingPool } from './standing-pools.ts';
export { standingPool, standingPools } from './standing-pools.ts';
