import { expect, test } from 'vitest';
import type { Verdict } from './check/invariant.ts';
import type { DoneFault } from './fault.ts';
import { figuresOf, goalsOf, judgeGoals } from './goals.ts';
import type { Attempt } from './history.ts';
import { holds, type Report, reportJson, summary } from './report.ts';
import { reportHtml } from './report-html.ts';
import { judgeWorth } from './worth.ts';

const attempt = (parts: Partial<Attempt>): Attempt => ({
  ...{ request: 'r1', client: 'c0', node: 'p1', kind: 'allocate', owner: 'ada', asked: '', takes: [], given: [] },
  ...{ invokedNs: 1e9, returnedNs: 1.02e9, outcome: 'ok', revision: 7n, repeated: false, reason: '' },
  ...parts,
});
const fault: DoneFault = { kind: 'daemon-kill', target: 'p1', at: 500, durationMs: 1_000, healedAt: 1_600 };
const good: Verdict = { name: 'no-overlap', checks: 3, violations: 0, evidence: [] };
const bad: Verdict = { name: 'fence', checks: 3, violations: 1, evidence: ['revision 7: <b> & "c"'] };

const figures = figuresOf({ 'folds-equal': 2_000, faults: 100 }, { 'folds-equal': 312.4, faults: 1, operations: 3 });

const reportOf = (invariants: readonly Verdict[]): Report => ({
  ...{ scenario: 'allocate', seed: 7, seconds: 2, versions: { etcd: '3.4.23' }, faults: [fault], beganNs: 1e9 },
  ...{ attempts: [attempt({}), attempt({ outcome: 'unknown' }), attempt({ outcome: 'refused' })] },
  ...{
    invariants,
    figures,
    quietPerSecond: 170.4,
    healedNs: 3e9,
    left: [],
    samples: [],
    noise: { connections: 0, cases: 0 },
  },
});

test('the JSON is what scripts and CI rely on', () => {
  expect(JSON.parse(reportJson(reportOf([good, bad])))).toMatchObject({
    scenario: 'allocate',
    seed: 7,
    faults: [{ kind: 'daemon-kill', target: 'p1', at: 500 }],
    operations: { ok: 1, refused: 1, unknown: 1 },
    invariants: [
      { name: 'no-overlap', checks: 3, violations: 0 },
      { name: 'fence', checks: 3, violations: 1 },
    ],
    ok: false,
  });
});

test('one violation is enough for a run not to hold', () => {
  expect(holds(reportOf([good]))).toBe(true);
  expect(holds(reportOf([good, bad]))).toBe(false);
});

test('the page needs nothing but itself, and shows evidence as text', () => {
  const page = reportHtml(reportOf([good, bad]));
  expect(page).not.toMatch(/src=|href=|@import|url\(/);
  expect(page).toContain('revision 7: &lt;b&gt; &amp; &quot;c&quot;');
  expect(page).toContain('No two live holders of overlapping space');
  expect(page).toContain('daemon-kill p1, 500 to 1600 ms');
});

test('the summary names what is broken and gives its evidence', () => {
  expect(summary(reportOf([good, bad]))).toMatch(/holds {3}no-overlap[\s\S]*BROKEN {2}fence[\s\S]*fence: revision 7/);
});

test('figures stand beside what was promised of them, and what is not met breaks the run', () => {
  expect(JSON.parse(reportJson(reportOf([good])))).toMatchObject({
    figures: [
      { name: 'faults', reached: 1, wanted: 100 },
      { name: 'operations', reached: 3 },
      { name: 'folds-equal', reached: 312.4, wanted: 2_000, unit: 'ms' },
    ],
  });
  expect(summary(reportOf([good]))).toContain('folds-equal              312 ms (2000 ms at the most)');
  expect(reportHtml(reportOf([good]))).toContain('312 ms, 2000 ms at the most was promised');
  expect(judgeGoals(figures).map(({ name, violations }) => [name, violations])).toEqual([
    ['faults', 1],
    ['folds-equal', 0],
  ]);
});

test.each([
  ['was never reached', { 'writes-again': Number.POSITIVE_INFINITY }, 'never; 3000 ms at the most was promised'],
  ['nobody looked at', {}, 'not looked at; 3000 ms at the most was promised'],
  ['came too late', { 'writes-again': 3_001 }, '3001 ms; 3000 ms at the most was promised'],
])('a goal that %s is not met', (_, reached, evidence) => {
  const [verdict] = judgeGoals(figuresOf({ 'writes-again': 3_000 }, reached));
  expect(verdict).toEqual({ name: 'writes-again', checks: 1, violations: 1, evidence: [evidence] });
});

test('a short run promises nothing, one of a minute that it recovers, the long form of all how much it does', () => {
  const all = { recovers: true, folds: true, tells: true, whole: true };
  expect(goalsOf(20, all)).toEqual({});
  expect(goalsOf(60, { ...all, tells: false })).toEqual({ 'writes-again': 3_000, 'folds-equal': 2_000 });
  expect(goalsOf(60, { ...all, folds: false, tells: false })).toEqual({ 'writes-again': 3_000 });
  expect(goalsOf(899, all)).not.toHaveProperty('faults');
  expect(goalsOf(900, all)).toMatchObject({ faults: 100, 'fault-kinds': 12, operations: 100_000 });
  expect(goalsOf(900, { ...all, recovers: false })).toEqual({});
});

const worth = {
  quietPerSecond: 120,
  leastPerSecond: 100,
  kinds: ['daemon-kill'],
  faults: [fault],
  staleCommits: 1,
  deaths: [],
  complaints: [],
} as const;
const worthless: readonly (readonly [string, string, Partial<Parameters<typeof judgeWorth>[0]>])[] = [
  ['less than 100 a second', 'quiet-rate', { quietPerSecond: 99.9 }],
  ['a fault that never came', 'every-fault', { kinds: ['daemon-kill', 'cut-mesh'] }],
  ['a fault that could not be done', 'every-fault', { faults: [{ ...fault, problem: 'no' }] }],
  ['no deposed leader that tried', 'stale-commit', { staleCommits: 0 }],
  ['a daemon that met what it did not expect', 'no-complaints', { complaints: ['p1-daemon: call-failed'] }],
  ['a process that died by itself', 'no-deaths', { deaths: ['p1-daemon: killed'] }],
];

test.each(worthless)('a run with %s shows nothing', (_, name, change) => {
  const broken = judgeWorth({ ...worth, ...change }).filter(({ violations }) => violations > 0);
  expect(broken.map((each) => each.name)).toEqual([name]);
  expect(judgeWorth(worth).every(({ violations }) => violations === 0)).toBe(true);
});
