import { expect, test } from 'vitest';
import { flame } from './flame.ts';
import { type CallFrame, type CpuProfile, dearest, type Place, spentIn } from './profile.ts';

const frame = (functionName: string, lineNumber = 0): CallFrame => ({
  functionName,
  url: functionName.startsWith('(') ? '' : `file:///tree/${functionName}.ts`,
  lineNumber,
  columnNumber: 0,
});
const placeOf = ({ functionName, url, lineNumber }: CallFrame): Place => ({
  name: functionName,
  at: url === '' ? '' : `${url.slice('file:///tree/'.length)}:${lineNumber + 1}`,
});

// root > loop > { fold > fold, plan }, idle, and loop once more by another way.
const profile: CpuProfile = {
  nodes: [
    { id: 1, callFrame: frame('(root)'), children: [2, 6, 7] },
    { id: 2, callFrame: frame('loop'), children: [3, 5] },
    { id: 3, callFrame: frame('fold'), children: [4] },
    { id: 4, callFrame: frame('fold') },
    { id: 5, callFrame: frame('plan') },
    { id: 6, callFrame: frame('(idle)') },
    { id: 7, callFrame: frame('loop'), children: [8] },
    { id: 8, callFrame: frame('plan') },
  ],
  startTime: 1_000,
  endTime: 21_000,
  samples: [2, 3, 4, 6, 5, 8],
  timeDeltas: [0, 1_000, 2_000, 3_000, 10_000, 1_000],
};

test('a sample is worth the time until the next one; one function called twice by another is one, and rest is none', () => {
  const root = spentIn(profile, placeOf);
  // 1 + 2 + 3 + 1, and 3 until the end; 10 of rest.
  expect(root.totalMs).toBe(10);
  expect(root.calls).toHaveLength(1);
  const [loop] = root.calls;
  expect([loop?.name, loop?.selfMs, loop?.totalMs]).toEqual(['loop', 1, 10]);
  expect(loop?.calls.map(({ name, selfMs, totalMs }) => [name, selfMs, totalMs])).toEqual([
    ['fold', 2, 5],
    ['plan', 4, 4],
  ]);
});

test('the dearest functions are those that took most by themselves, and recursion counts once', () => {
  const dear = dearest(spentIn(profile, placeOf), 2);
  expect(dear).toEqual([
    { name: 'fold', at: 'fold.ts:1', selfMs: 5, totalMs: 5 },
    { name: 'plan', at: 'plan.ts:1', selfMs: 4, totalMs: 4 },
  ]);
});

test('late samples, which V8 gives a negative time, take nothing from others', () => {
  const late = { ...profile, samples: [2, 3, 5], timeDeltas: [0, -500, 20_500] };
  expect(spentIn(late, placeOf).totalMs).toBe(20.5);
});

test('a flame graph has a box for each way to a function, as wide as its share, and says its place', () => {
  const root = spentIn(profile, placeOf);
  const drawn = flame('pop44d <at rest>', root, 20);
  // Paper, four of the legend, and (all), loop, fold, fold, plan.
  expect(drawn.match(/<rect/g)).toHaveLength(10);
  expect(drawn).toContain('pop44d &lt;at rest&gt;: busy for 10 ms of 0.0 s, 50.0 % of a core');
  expect(drawn).toContain('fold, fold.ts:1: 5.0 ms, 50.0 %; itself 2.0 ms');
  expect(drawn).toContain('width="592"');
  expect(drawn).not.toMatch(/NaN|undefined|Infinity/);
});

test('of nothing that was spent there is a picture too', () => {
  const nothing = spentIn({ nodes: [], startTime: 0, endTime: 0, samples: [], timeDeltas: [] }, placeOf);
  expect(flame('nothing', nothing, 1)).not.toMatch(/NaN|undefined|Infinity/);
});
