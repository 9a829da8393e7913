// Delegated block: which block of a pool is meant.

import { isRefusal, type Refusal, refuse } from '#internal/errors/errors.ts';
import type { Pool } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { DelegatePoolRequest } from '#internal/gen/pop44/v1/pools_pb.ts';
import { contains, familyOf, type Prefix, prefixLength } from '#internal/netip/netip.ts';
import { prefixField, rangeField } from './fields.ts';
import { longestPool, prefixName } from './pool-fields.ts';

export const lengthName = 'pool.length';
/** 64 slabs: each is a record of the transaction. */
const mostSlabBits = 6;

export interface WantedBlock {
  /** From one bit more than the pool's, 64 slabs at most, to the smallest pool that there is. */
  readonly length: number;
  /** This one; absent: the first that is free. */
  readonly prefix?: Prefix;
}

/** Refuses `required`, `invalid` and what blockField refuses. */
export function wantedBlock(request: DelegatePoolRequest, around: Prefix, parent: Pool): WantedBlock | Refusal {
  const family = familyOf(around);
  const shortest = Math.max(prefixLength(around) + 1, parent.slabLength - mostSlabBits);
  const lengthRefusal = (length: number): Refusal | undefined => {
    const longest = longestPool(family);
    if (shortest <= longest) return rangeField(lengthName, length, shortest, longest);
    const problem = `is as small as a pool can be (/${longest})`;
    return refuse('invalid', { field: 'pool', value: request.pool, problem, cure: 'a larger pool' });
  };
  if (request.prefix === '') {
    if (request.length === 0) {
      return refuse('required', { field: lengthName, problem: 'is missing', cure: 'a length, or a prefix' });
    }
    return lengthRefusal(request.length) ?? { length: request.length };
  }
  const prefix = blockField(prefixName, request.prefix, around);
  if (isRefusal(prefix)) return prefix;
  const length = prefixLength(prefix);
  if (request.length !== 0 && request.length !== length) {
    const problem = `is not that of ${prefix}`;
    return refuse('invalid', { field: lengthName, value: String(request.length), problem, cure: 'one of both alone' });
  }
  return lengthRefusal(length) ?? { length, prefix };
}

/** A prefix in a pool. Refuses `required`, `invalid`, `misaligned`, `family-mismatch`, `outside-pool`. */
export function blockField(field: string, value: string, around: Prefix): Prefix | Refusal {
  const prefix = prefixField(field, value);
  if (isRefusal(prefix)) return prefix.refused === 'host-bits' ? { ...prefix, refused: 'misaligned' } : prefix;
  if (familyOf(prefix) !== familyOf(around)) {
    const problem = `is not of the pool's family, IPv${familyOf(around)}`;
    return refuse('family-mismatch', { field, value, problem, cure: `a prefix in ${around}` });
  }
  if (contains(around, prefix)) return prefix;
  return refuse('outside-pool', { field, value, problem: `lies outside of ${around}`, cure: 'a prefix in the pool' });
}
