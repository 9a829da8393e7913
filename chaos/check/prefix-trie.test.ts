import fc from 'fast-check';
import { expect, test } from 'vitest';
import { overlaps, type Prefix, prefixFrom } from '#internal/netip/netip.ts';
import { prefixTrie } from './prefix-trie.ts';

/** Few enough addresses that they meet often. */
const prefix: fc.Arbitrary<Prefix> = fc
  .record({ number: fc.nat(255), length: fc.integer({ min: 24, max: 32 }) })
  .map(({ number, length }) => prefixFrom(4, 0x2c200000n + BigInt(number), length));

const step = fc.record({ add: fc.boolean(), prefix, holder: fc.constantFrom('a', 'b', 'c') });

test('whoever holds something that overlaps is found, and nobody else', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), prefix, (steps, asked) => {
      const trie = prefixTrie();
      const naive = new Map<string, { readonly prefix: Prefix; readonly holder: string }>();
      for (const { add, prefix: place, holder } of steps) {
        if (add) {
          trie.add(place, holder);
          naive.set(`${place} ${holder}`, { prefix: place, holder });
        } else {
          trie.remove(place, holder);
          naive.delete(`${place} ${holder}`);
        }
      }
      const wanted = [...naive.values()].filter((each) => overlaps(each.prefix, asked)).map(({ holder }) => holder);
      expect(new Set(trie.meeting(asked, Number.POSITIVE_INFINITY))).toEqual(new Set(wanted));
    }),
  );
});

test('of many inside only as many are named as are asked for', () => {
  const trie = prefixTrie();
  for (let at = 0n; at < 100n; at += 1n) trie.add(prefixFrom(4, 0x2c200000n + at, 32), String(at));
  expect(trie.meeting(prefixFrom(4, 0x2c200000n, 24), 3)).toHaveLength(3);
});
