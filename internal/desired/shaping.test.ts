import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Dataplane } from '#internal/dataplane/dataplane.ts';
import { plan, printStep } from '#internal/plan/plan.ts';
import { fold, type Snapshot } from '#internal/model/model.ts';
import { fabricEvents, threePops, tunnelEvents } from '#internal/testkit/three-pops.ts';
import { desired, type Here, type Self } from './desired.ts';
import { pace } from './nft-shaping.ts';
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
      '+ element pop pace_down4_32 44.31.0.1',
      '+ element pop pace_down6_64 2001:db8:44:1::',
      '+ element pop pace_up4_32 44.31.0.1',
      '+ element pop pace_up6_64 2001:db8:44:1::',
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
      '~ element pop pace_down4_32 44.31.0.1',
      '~ element pop pace_down6_64 2001:db8:44:1::',
      '~ element pop pace_up4_32 44.31.0.1',
      '~ element pop pace_up6_64 2001:db8:44:1::',
    ]);
    expect(of(shaped, live).element.get('pop pace_up4_32 44.31.0.1')?.element).toMatch(/ packets : 1:1a$/);
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

  test('changes its rate by its class and its limits, and is shaped one way alone where the other is unlimited', () => {
    const before = of(rates(2_000_000n, 10_000_000n), live);
    expect(steps(of(rates(2_000_000n, 5_000_000n), live), before)).toEqual([
      '~ class pop p44w0 1:1a',
      '~ element pop pace_down4_32 44.31.0.1',
      '~ element pop pace_down6_64 2001:db8:44:1::',
    ]);
    const down = of(rates(0n, 10_000_000n), live);
    expect([...down.element.keys()].filter((key) => key.includes('_up'))).toEqual([]);
    expect(down.class.has('pop p44u0 1:1a')).toBe(false);
  });
});

const chainOf = (made: Dataplane, name: string): readonly string[] =>
  (new RegExp(`chain ${name} \\{\\n([^]*?)\\n\\}`).exec(made.ruleset.get('pop')?.text ?? '')?.[1] ?? '')
    .split('\n')
    .map((line) => line.trim());

describe('[T9] who stays below its rate goes past the classes', () => {
  test('where the uplink is not known, each of its prefixes by a part of its rate', () => {
    const made = of(rates(2_000_000n, 10_000_000n));
    expect(made.element.get('pop pace_down4_32 44.31.0.1')?.element).toBe(
      '44.31.0.1 limit rate 23767/minute burst 39 packets : none',
    );
    expect(made.element.get('pop pace_down6_64 2001:db8:44:1::')?.element).toBe(
      '2001:db8:44:1:: limit rate 23767/minute burst 39 packets : none',
    );
    expect(chainOf(made, 'mark_up').slice(0, 2)).toEqual([
      'meta length <= 1420 meta priority set ip saddr map @pace_up4_32 goto below_up',
      'ip saddr @shaped_up4_32 goto above_up',
    ]);
    const six = 'ip6 saddr & ffff:ffff:ffff:ffff::';
    const classes = ['meta priority set ip saddr map @class_up4_32', `meta priority set ${six} map @class_up6_64`];
    // Noted is the class, which is that of all its prefixes. IPv6 would keep a priority that is left here.
    expect(chainOf(made, 'above_up')).toEqual([
      'meta mark set 0x45',
      'meta priority set 1:2',
      ...classes,
      'update @noted_up { meta priority }',
      'meta priority set none',
    ]);
    expect(chainOf(made, 'below_up')).toEqual(['meta priority @noted_up meta mark set 0x45', 'meta priority set none']);
    expect(chainOf(made, 'above_down').slice(-2)).toEqual(['update @noted_down { meta priority }', 'accept']);
    expect(chainOf(made, 'below_down')).toEqual(['meta priority @noted_down accept', 'meta priority set 1:0 accept']);
    // What is not shaped: a priority by its TOS could be that of a class.
    expect(chainOf(made, 'received').at(-1)).toBe('meta priority set 1:0 accept');
  });

  test('nobody does where all share an uplink', () => {
    const known = of(having('node', { uplinkBitPerSecond: 20_000_000n }, rates(2_000_000n, 10_000_000n)));
    expect(chainOf(known, 'mark_up')[0]).toBe('ip saddr @shaped_up4_32 goto above_up');
    expect(chainOf(known, 'above_up')).toEqual(['meta mark set 0x45']);
    expect(known.ruleset.get('pop')?.text).not.toContain('update @noted_');
  });

  test('nor whose rate is so low that what waits in its class waits for seconds', () => {
    const made = of(rates(149_000n, 150_000n));
    expect([...made.element.keys()].filter((key) => key.includes(' pace_')).sort()).toEqual([
      'pop pace_down4_32 44.31.0.1',
      'pop pace_down6_64 2001:db8:44:1::',
    ]);
  });

  test('the limits of all prefixes together are below the rate', () => {
    const rate = fc.integer({ min: 150_000, max: 10_000_000_000 });
    fc.assert(
      fc.property(rate, fc.integer({ min: 1, max: 16 }), (bitPerSecond, prefixes) => {
        const [, packets = '', burst = ''] =
          /^limit rate (\d+)\/minute burst (\d+) packets$/.exec(pace(bitPerSecond, prefixes) ?? '') ?? [];
        // Of 1,420 bytes each.
        expect((prefixes * Number(packets) * 1_420 * 8) / 60).toBeLessThanOrEqual(0.9 * bitPerSecond);
        expect(Number(packets)).toBeGreaterThanOrEqual(1);
        expect(Number(burst)).toBe(Math.max(1, Math.floor((0.9 * bitPerSecond * 0.1) / 8 / 1_420 / prefixes)));
      }),
    );
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
  expect(chainOf(known, 'received').at(-1)).toBe('meta priority set 1:3 accept');
});

test('what has no class, or one that is not there, is held with those that wait; what is not shaped is told so [T9]', () => {
  const made = of(threePops(2));
  expect([...made.shaper.values()].map(({ dev, defaultClass }) => [dev, defaultClass])).toEqual([
    ['p44w0', 2],
    ['p44u0', 2],
  ]);
  expect(chainOf(made, 'received').at(-1)).toBe('meta priority set 1:0 accept');
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
