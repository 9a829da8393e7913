import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Evidence, judged, type Neighbour, noVerdicts, type Verdicts, verdictOf } from './verdict.ts';

const well: Neighbour = { heard: true, hearsUs: true, rttMs: 12, loopLagMs: 20, load: 0.5, notServing: false };
const fine: Evidence = { up: true, downs: 0, neighbour: well };
const silent: Evidence = { ...fine, neighbour: { ...well, heard: false } };
const beatMs = 500;

/** Beats of a daemon, each with the evidence of its moment; gives every verdict on the way. */
function run(beats: readonly Readonly<Record<string, Evidence>>[], before: Verdicts = noVerdicts): readonly Verdicts[] {
  const all: Verdicts[] = [];
  let at = before;
  for (const beat of beats) {
    const nowMs = Number.isFinite(at.atMs) ? at.atMs + beatMs : 0;
    at = judged(at, new Map(Object.entries(beat)), nowMs);
    all.push(at);
  }
  return all;
}
const steady = (beat: Readonly<Record<string, Evidence>>, seconds: number) =>
  Array.from({ length: (seconds * 1_000) / beatMs }, () => beat);
const last = (all: readonly Verdicts[]): Verdicts => all.at(-1) ?? noVerdicts;
const weight = (of: Verdicts, link: string): number | undefined => of.paths.get(link)?.share.weight;

const evidence: fc.Arbitrary<Evidence> = fc.record({
  up: fc.constantFrom(true, true, false, undefined),
  downs: fc.nat({ max: 30 }),
  neighbour: fc.option(
    fc.record({
      heard: fc.boolean(),
      hearsUs: fc.boolean(),
      rttMs: fc.option(fc.double({ min: -5, max: 5_000, noNaN: true }), { nil: undefined }),
      loopLagMs: fc.double({ min: 0, max: 5_000, noNaN: true }),
      load: fc.double({ min: 0, max: 20, noNaN: true }),
      notServing: fc.boolean(),
    }),
    { nil: undefined },
  ),
});
const story = fc.array(fc.record({ a: evidence, b: evidence, c: evidence }), { maxLength: 120 });

test('whatever is shown, a weight is 1, 2, 4, 8 or 16: no path is ever taken away [N4]', () => {
  fc.assert(
    fc.property(story, (beats) => {
      for (const { paths } of run(beats)) {
        expect([...paths.keys()]).toEqual(['a', 'b', 'c']);
        for (const { share } of paths.values()) expect([1, 2, 4, 8, 16]).toContain(share.weight);
      }
    }),
  );
});

test('shares change each 10 s at most, of all paths together [N4]', () => {
  fc.assert(
    fc.property(story, (beats) => {
      let changedMs = Number.NEGATIVE_INFINITY;
      let before: Verdicts | undefined;
      for (const now of run(beats)) {
        const changed =
          before !== undefined && [...now.paths].some(([link, { share }]) => before?.paths.get(link)?.share !== share);
        if (changed) {
          expect(now.atMs - changedMs).toBeGreaterThanOrEqual(10_000);
          changedMs = now.atMs;
        }
        before = now;
      }
    }),
  );
});

test('the order in which paths are looked at makes no difference', () => {
  fc.assert(
    fc.property(story, (beats) => {
      const turned = beats.map(({ a, b, c }) => ({ c, a, b }));
      expect(last(run(turned)).paths).toEqual(last(run(beats)).paths);
    }),
  );
});

test('silence of daemons whose links are up costs them no more than three quarters of their share, ever [N5]', () => {
  const beat = fc.record({ a: fc.boolean(), b: fc.boolean(), c: fc.boolean() });
  fc.assert(
    fc.property(fc.array(beat, { minLength: 60, maxLength: 200 }), (beats) => {
      const of = (hung: boolean): Evidence => (hung ? silent : fine);
      for (const { paths } of run(beats.map(({ a, b, c }) => ({ a: of(a), b: of(b), c: of(c) }))))
        for (const { share } of paths.values()) {
          expect(share.weight).toBeGreaterThanOrEqual(4);
          expect(share.detour).toBe(false);
        }
    }),
  );
});

test('of paths that are up one at least is no detour, 15 s after whatever was before [N4]', () => {
  const still = fc.record({ up: fc.boolean(), downs: fc.nat({ max: 30 }) });
  const begin = fc.array(fc.record({ a: still, b: still }), { maxLength: 80 });
  fc.assert(
    fc.property(begin, fc.boolean(), fc.boolean(), (beats, a, b) => {
      const seen = run(beats.map((beat) => ({ a: { ...fine, ...beat.a }, b: { ...fine, ...beat.b } })));
      const downs = { a: beats.at(-1)?.a.downs ?? 0, b: beats.at(-1)?.b.downs ?? 0 };
      const after = { a: { ...fine, up: a, downs: downs.a }, b: { ...fine, up: b, downs: downs.b } };
      const { paths } = last(run(steady(after, 15), last(seen)));
      const up = [a ? paths.get('a') : undefined, b ? paths.get('b') : undefined].filter((path) => path !== undefined);
      expect(up.length === 0 || up.some(({ share }) => !share.detour)).toBe(true);
    }),
  );
});

test.each<[string, Partial<Neighbour>, string, number]>([
  ['one that is silent', { heard: false }, 'degraded', 4],
  ['one that does not hear us', { hearsUs: false }, 'degraded', 4],
  ['one whose health says NOT_SERVING', { notServing: true }, 'bad', 1],
  ['one with three runnable for each processor', { load: 3 }, 'degraded', 4],
  ['one that is as busy as the other, nearly', { load: 0.9 }, 'good', 16],
  ['one whose loop is late', { loopLagMs: 800 }, 'degraded', 8],
  ['one that is four times as far', { rttMs: 70 }, 'good', 4],
  ['one that is nearer', { rttMs: 1 }, 'good', 16],
  ['one whose words are old as it is silent', { heard: false, notServing: true, load: 9 }, 'degraded', 4],
])('%s: %s %s, its share', (_, change, verdict, share) => {
  const at = last(run(steady({ a: { ...fine, neighbour: { ...well, ...change } }, b: fine }, 8)));
  const path = at.paths.get('a');
  expect(path && verdictOf(path)).toBe(verdict);
  expect(weight(at, 'a')).toBe(share);
  expect(weight(at, 'b')).toBe(16);
});

test('a loss that lasts less than 3 s, and a restart of a daemon, change nothing [N5]', () => {
  const beats = [
    ...steady({ a: fine, b: fine }, 5),
    ...steady({ a: silent, b: fine }, 2),
    ...steady({ a: fine, b: fine }, 30),
  ];
  for (const { paths } of run(beats)) expect(paths.get('a')?.share.weight).toBe(16);
});

test('what was bad comes back by doublings, after 30 s that were good, each 10 s', () => {
  const bad = { ...fine, neighbour: { ...well, notServing: true } };
  const before = last(run(steady({ a: bad, b: fine }, 5)));
  const weights = run(steady({ a: fine, b: fine }, 75), before).map((at) => weight(at, 'a') ?? 0);
  expect(weights.slice(0, 58)).toEqual(Array.from({ length: 58 }, () => 1));
  expect([...new Set(weights)]).toEqual([1, 2, 4, 8, 16]);
});

test('when nobody is heard the fault is here, and no share changes', () => {
  const { paths } = last(run([...steady({ a: fine, b: fine }, 5), ...steady({ a: silent, b: silent }, 60)]));
  for (const path of paths.values()) expect([verdictOf(path), path.share.weight]).toEqual(['good', 16]);
});

test('after a standstill of this daemon nothing is judged by what was before it', () => {
  const before = last(run(steady({ a: silent, b: fine }, 2)));
  const late = judged(before, new Map(Object.entries({ a: silent, b: fine })), before.atMs + 60_000);
  expect(weight(late, 'a')).toBe(16);
});

test('a link that flaps is put behind others at its fourth loss in a minute, once, and believed again when quiet [N5]', () => {
  let downs = 0;
  const flapping = Array.from({ length: 120 }, (_, at) => {
    if (at % 4 === 0) downs += 1;
    return { a: { ...fine, up: at % 4 !== 0, downs }, b: fine };
  });
  const all = run(flapping);
  const shares = new Set(all.map(({ paths }) => paths.get('a')?.share));
  expect([...shares]).toEqual([
    { weight: 16, detour: false },
    { weight: 1, detour: true },
  ]);
  const a = last(all).paths.get('a');
  expect(a && verdictOf(a)).toBe('bad');
  expect(a?.penalty.suppressed).toBe(true);
  // Never for more than four half-lives.
  const quiet = run(steady({ a: { ...fine, downs }, b: fine }, 241 + 30 + 40), last(all));
  expect(last(quiet).paths.get('a')?.share).toEqual({ weight: 16, detour: false });
});

test('three losses in a minute are no flapping, nor is a counter that began anew', () => {
  const of = (downs: number) => ({ a: { ...fine, downs }, b: fine });
  const beats = [0, 1, 2, 3, 0, 0].flatMap((downs) => steady(of(downs), 2));
  for (const { paths } of run(beats)) expect(paths.get('a')?.penalty.suppressed).toBe(false);
});

test('the last path is no detour, however it flaps [N4]', () => {
  const beats = Array.from({ length: 120 }, (_, at) => ({ a: { ...fine, downs: at }, b: { ...fine, up: false } }));
  for (const { paths } of run(beats)) expect(paths.get('a')?.share.detour).toBe(false);
});

test('where all are busy nobody is overloaded, as nobody has anything to gain', () => {
  const busy = (load: number): Evidence => ({ ...fine, neighbour: { ...well, load } });
  const at = last(run(steady({ a: busy(20), b: busy(14) }, 8)));
  expect([weight(at, 'a'), weight(at, 'b')]).toEqual([16, 16]);
  expect(weight(last(run(steady({ a: busy(20), b: busy(9) }, 8))), 'a')).toBe(4);
});
