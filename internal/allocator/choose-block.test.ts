import { describe, expect, test } from 'vitest';
import { isRefusal } from '#internal/errors/errors.ts';
import { poolId } from '#internal/model/model.ts';
import type { RecordEvent } from '#internal/model/record.ts';
import type { Prefix } from '#internal/netip/netip.ts';
import { poolOf, reservationOf, slabOf, snapshotOf } from '#internal/testkit/pool-records.ts';
import { type BlockWish, chooseBlock, freeIndexOf, nothingUnseen } from './allocator.ts';

const pool = '44.31.0.0/16';
const id = poolId(pool as Prefix);
const outcome = (wish: Partial<BlockWish> & { readonly length: number }, ...events: readonly RecordEvent[]): string => {
  const snapshot = snapshotOf(poolOf(pool), ...events);
  const block = chooseBlock(snapshot, freeIndexOf(snapshot), { poolId: id, unseen: nothingUnseen, ...wish });
  return isRefusal(block) ? block.refused : block.prefix;
};
const slab = (prefix: string): RecordEvent => slabOf(pool, prefix, 32);
const of = (prefix: string) => ({ length: Number(prefix.split('/')[1]), prefix: prefix as Prefix });

describe('a block to be delegated [A2]', () => {
  const cases: readonly (readonly [
    name: string,
    wish: Partial<BlockWish> & { readonly length: number },
    there: readonly RecordEvent[],
    outcome: string,
  ])[] = [
    ['one slab', { length: 24 }, [], '44.31.0.0/24'],
    ['the first that is uncut', { length: 24 }, [slab('44.31.0.0/24'), slab('44.31.2.0/24')], '44.31.1.0/24'],
    ['the first that lies aligned', { length: 22 }, [slab('44.31.0.0/24'), slab('44.31.6.0/24')], '44.31.8.0/22'],
    ['64 slabs', { length: 18 }, [slab('44.31.1.0/24')], '44.31.64.0/18'],
    ['more than 64', { length: 17 }, [], 'misaligned'],
    ['less than a slab', { length: 25 }, [], 'misaligned'],
    ['beside what is reserved', { length: 23 }, [reservationOf(pool, '44.31.0.7/32')], '44.31.2.0/23'],
    ['beyond all that is reserved', { length: 22 }, [reservationOf(pool, '44.31.0.0/17')], '44.31.128.0/22'],
    ['nowhere', { length: 18 }, ['0', '64', '128', '255'].map((n) => slab(`44.31.${n}.0/24`)), 'pool-exhausted'],
    ['in what the pool is now', { length: 24 }, [poolOf(pool, { prefix: '44.31.8.0/22' })], '44.31.8.0/24'],
    ['more than the pool is now', { length: 22 }, [poolOf(pool, { prefix: '44.31.8.0/23' })], 'pool-exhausted'],
    ['a chosen one', of('44.31.4.0/22'), [slab('44.31.3.0/24')], '44.31.4.0/22'],
    ['a chosen one of another length', { ...of('44.31.4.0/22'), length: 23 }, [], 'misaligned'],
    ['a chosen one with a slab in it', of('44.31.4.0/22'), [slab('44.31.7.0/24')], 'overlap'],
    ['a chosen one that is reserved in part', of('44.31.4.0/22'), [reservationOf(pool, '44.31.7.0/30')], 'reserved'],
    ['a chosen one outside of the pool', of('44.32.4.0/22'), [], 'outside-pool'],
    ['a chosen one of the other family', { ...of('2001:db8::/22'), length: 22 }, [], 'family-mismatch'],
    ['out of a pool that does not stand', { length: 24 }, [poolOf(pool, { slabLength: 25 })], 'not-found'],
    [
      'beside a slab that is under way',
      {
        length: 23,
        unseen: {
          taken: new Set(),
          slab: (key) => (key.endsWith('00') && key < `${id}/2c1f0400` ? 'flying' : undefined),
        },
      },
      [],
      '44.31.4.0/23',
    ],
  ];
  test.each(cases)('%s', (_name, wish, there, expected) => {
    expect(outcome(wish, ...there)).toBe(expected);
  });

  test('names each of its slabs, none of which is cut', () => {
    const snapshot = snapshotOf(poolOf(pool));
    expect(chooseBlock(snapshot, freeIndexOf(snapshot), { poolId: id, length: 23, unseen: nothingUnseen })).toEqual({
      prefix: '44.31.0.0/23',
      slabs: [
        { slabId: `${id}/2c1f0000`, prefix: '44.31.0.0/24', revision: 0n },
        { slabId: `${id}/2c1f0100`, prefix: '44.31.1.0/24', revision: 0n },
      ],
    });
  });
});
