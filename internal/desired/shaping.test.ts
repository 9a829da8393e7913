import { describe, expect, test } from 'vitest';
import type { Dataplane } from '#internal/dataplane/dataplane.ts';
import { plan, printStep } from '#internal/plan/plan.ts';
import { fold, type Snapshot } from '#internal/model/model.ts';
import { fabricEvents, threePops, tunnelEvents } from '#internal/testkit/three-pops.ts';
import { desired, type Here, type Self } from './desired.ts';
import { toldRate } from './shaping.ts';

const self: Self = { nodeId: 'p1', accessKeyFile: '/keys/access', interconnectKeyFile: '/keys/interconnect' };
const nobody: Here = new Set();
const live: Here = { has: (id) => id === 't1', classOf: (id) => (id === 't1' ? 0x1a : undefined) };
const of = (snapshot: Snapshot, here = nobody): Dataplane => desired(snapshot, self, here);

/** With fields of the first tunnel, or of node p1, changed. */
function having(kind: 'tunnel' | 'node', fields: object, from = threePops(2)): Snapshot {
  const events = [...fabricEvents(9n), ...tunnelEvents(1, 9n)].filter((each) => each.kind === kind);
  const changed = events.filter(({ id }) => id === (kind === 'node' ? 'p1' : 't1'));
  for (const { stored } of changed) Object.assign(stored?.record ?? {}, fields);
  return fold(from, { revision: from.revision + 1n, relisted: false, events: changed }).snapshot;
}
const rates = (up: bigint, down: bigint, from?: Snapshot) =>
  having('tunnel', { rateUpBitPerSecond: up, rateDownBitPerSecond: down }, from);
const steps = (to: Dataplane, from: Dataplane): readonly string[] => plan(to, from).map(printStep);

test('an unshaped tunnel has no part in it, live or not [T9]', () => {
  expect(of(threePops(2), live)).toEqual(of(threePops(2)));
  expect([...of(threePops(2)).class.keys()]).toEqual([
    'pop p44w0 1:1',
    'pop p44w0 1:2',
    'pop p44w0 1:3',
    'pop p44u0 1:1',
    'pop p44u0 1:2',
  ]);
});

describe('[T9] a shaped tunnel', () => {
  test('is in its sets at once, and shares a class until it is live', () => {
    expect(steps(of(rates(2_000_000n, 10_000_000n)), of(threePops(2)))).toEqual([
      '+ element pop shaped_down4_32 44.31.0.1',
      '+ element pop shaped_down6_64 2001:db8:44:1::',
      '+ element pop shaped_up4_32 44.31.0.1',
      '+ element pop shaped_up6_64 2001:db8:44:1::',
    ]);
  });

  test('has a class before its packets are led there, and loses it after', () => {
    const shaped = rates(2_000_000n, 10_000_000n);
    expect(steps(of(shaped, live), of(shaped))).toEqual([
      '+ class pop p44u0 1:1a',
      '+ class pop p44w0 1:1a',
      '+ element pop class_down4_32 44.31.0.1',
      '+ element pop class_down6_64 2001:db8:44:1::',
      '+ element pop class_up4_32 44.31.0.1',
      '+ element pop class_up6_64 2001:db8:44:1::',
    ]);
    const removal = steps(of(shaped), of(shaped, live));
    expect(removal.slice(-2)).toEqual(['- class pop p44u0 1:1a', '- class pop p44w0 1:1a']);
    expect(of(shaped, live).class.get('pop p44w0 1:1a')).toEqual({
      netns: 'pop',
      dev: 'p44w0',
      minor: 0x1a,
      parent: 1,
      rateBitPerSecond: 8_000,
      ceilBitPerSecond: 10_000_000,
      queue: true,
    });
  });

  test('changes its rate by one step, and is shaped one way alone where the other is unlimited', () => {
    const before = of(rates(2_000_000n, 10_000_000n), live);
    expect(steps(of(rates(2_000_000n, 5_000_000n), live), before)).toEqual(['~ class pop p44w0 1:1a']);
    const down = of(rates(0n, 10_000_000n), live);
    expect([...down.element.keys()].filter((key) => key.includes('_up'))).toEqual([]);
    expect(down.class.has('pop p44u0 1:1a')).toBe(false);
  });
});

test("a node's uplink is the top of both trees, and what is not shaped has half of it for certain [T9]", () => {
  const known = of(having('node', { uplinkBitPerSecond: 20_000_000n }));
  expect(steps(known, of(threePops(2)))).toEqual([
    '~ ruleset pop',
    '~ class pop p44u0 1:1',
    '~ class pop p44w0 1:1',
    '~ class pop p44w0 1:3',
  ]);
  expect(known.class.get('pop p44w0 1:3')).toMatchObject({
    rateBitPerSecond: 10_000_000,
    ceilBitPerSecond: 20_000_000,
  });
  expect(known.ruleset.get('pop')?.text).toContain('chain shape_down {\n\tmeta priority set 1:3\n');
});

test('what has no class, or one that is not there, is held with those that wait; what is not shaped is told so [T9]', () => {
  const made = of(threePops(2));
  expect([...made.shaper.values()].map(({ dev, defaultClass }) => [dev, defaultClass])).toEqual([
    ['p44w0', 2],
    ['p44u0', 2],
  ]);
  expect(made.ruleset.get('pop')?.text).toContain('chain shape_down {\n\tmeta priority set 1:0\n');
});

test.each([
  [64_000n, 64_000],
  [1_234_567n, 1_234_000],
  [999_999_999n, 999_999_000],
  [1_234_567_890n, 1_234_000_000],
  [100_000_000_000n, 100_000_000_000],
  // Of a hand-written record.
  [8n, 1_000],
])('a rate of %s is told as %s', (bits, told) => {
  expect(toldRate(bits)).toBe(told);
});
