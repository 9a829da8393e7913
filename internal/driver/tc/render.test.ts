import { describe, expect, test } from 'vitest';
import type { ShaperClass } from '#internal/dataplane/dataplane.ts';
import { byteLimit, renderClass, renderShaper } from './render.ts';

const one: ShaperClass = {
  netns: 'pop',
  dev: 'p44w0',
  minor: 0x1a,
  parent: 1,
  rateBitPerSecond: 8_000,
  ceilBitPerSecond: 10_000_000,
  queue: true,
};
const add = (want: ShaperClass) => ({ op: 'add', kind: 'class', key: '', want }) as const;

test('a class and its queue', () => {
  expect(renderClass('bfifo', add(one))).toEqual([
    'class replace dev p44w0 parent 1:1 classid 1:1a htb rate 1000bps ceil 1250000bps burst 3028 cburst 31250 quantum 1600',
    'qdisc replace dev p44w0 parent 1:1a handle 1a: bfifo limit 125000',
  ]);
  expect(renderClass('fq_codel', add({ ...one, ceilBitPerSecond: 64_000 }))[1]).toBe(
    'qdisc replace dev p44w0 parent 1:1a handle 1a: fq_codel limit 12 flows 64 target 190ms interval 285ms',
  );
  // A second of its rate.
  expect(renderClass('fq_codel', add(one))[1]).toContain('fq_codel limit 826 flows 64 ');
  expect(renderClass('bfifo', add({ ...one, minor: 1, parent: 0, queue: false }))).toHaveLength(1);
});

test('one whose queue or place is another begins anew', () => {
  const change = (found: object) => ({ ...add(one), op: 'change', found: { ...one, ...found } }) as const;
  expect(renderClass('bfifo', change({ ceilBitPerSecond: 1_000 }))).toHaveLength(2);
  expect(renderClass('bfifo', change({ rateBitPerSecond: 0 }))[0]).toBe('class del dev p44w0 classid 1:1a');
  // The number of flows can only be given to a new one.
  expect(renderClass('fq_codel', change({ ceilBitPerSecond: 1_000 })).join()).not.toContain('flows');
  for (const found of [{ rateBitPerSecond: 0 }, { parent: 0 }, { queue: false }])
    expect(renderClass('fq_codel', change(found)).at(-1)).toContain(' flows 64 ');
  expect(renderClass('bfifo', change({ parent: 0 }))[0]).toBe('class del dev p44w0 classid 1:1a');
});

test('a queue is a tenth of a second long, and never shorter than TCP needs', () => {
  expect([64_000, 10_000_000, 1e12].map(byteLimit)).toEqual([18_168, 125_000, 1_514_000]);
});

describe('what is never sent to tc', () => {
  test.each<[string, Partial<ShaperClass>]>([
    ['an interface of others', { dev: 'eth0' }],
    ['a word in place of an interface', { dev: 'p44 root' }],
    ['class 0', { minor: 0 }],
    ['a class beyond 16 bits', { minor: 0x1_0001 }],
    ["the kernel's own", { minor: 0xffff }],
    ['a class below itself', { parent: 0x1a }],
    ['no rate', { rateBitPerSecond: 0 }],
    ['a negative rate', { rateBitPerSecond: -1 }],
    ['half a bit', { ceilBitPerSecond: 8_000.5 }],
    ['more than the ceiling for certain', { rateBitPerSecond: 10_000_001 }],
    ['more than HTB counts', { ceilBitPerSecond: 1e14 }],
  ])('%s', (_what, change) => {
    expect(() => renderClass('bfifo', add({ ...one, ...change }))).toThrow('is not');
  });

  test('a root of others', () => {
    const want = { netns: 'pop', dev: 'eth0', defaultClass: 0, overhead: 0 } as const;
    expect(() => renderShaper('bfifo', { op: 'add', kind: 'shaper', key: '', want }, [])).toThrow('is not');
    expect(() => renderShaper('bfifo', { op: 'remove', kind: 'shaper', key: '', found: want }, [])).toThrow('is not');
  });
});
