import { expect, test } from 'vitest';
import { Counts } from './counts.ts';
import type { TallyLine } from './tally.ts';

const file = 'x.test.ts';
const passed: TallyLine = { file, test: 'a', state: 'passed' };
const failed: TallyLine = { file, test: 'b', state: 'failed' };
const skipped = (reason: string): TallyLine => ({ file, test: 'c', state: 'skipped', reason });
const complete: TallyLine = { complete: true };

interface Case {
  readonly name: string;
  readonly lines: readonly TallyLine[];
  readonly inCi?: true;
  readonly filtered?: true;
  /** Of vitest. */
  readonly code?: number;
  readonly lastLine: string;
  readonly ok: boolean;
}

const cases: readonly Case[] = [
  { name: 'all passed', lines: [passed, passed, complete], lastLine: '2 passed, 0 failed, 0 skipped', ok: true },
  {
    name: 'one failed',
    lines: [passed, failed, complete],
    code: 1,
    lastLine: '1 passed, 1 failed, 0 skipped',
    ok: false,
  },
  { name: 'nothing ran', lines: [complete], lastLine: '0 passed, 1 failed, 0 skipped', ok: false },
  { name: 'all were skipped', lines: [skipped(''), complete], lastLine: '0 passed, 0 failed, 1 skipped', ok: false },
  {
    name: 'a file could not be read, told by module and suite',
    lines: [passed, { broken: 'x.test.ts' }, { broken: 'x.test.ts' }, complete],
    code: 1,
    lastLine: '1 passed, 1 failed, 0 skipped',
    ok: false,
  },
  {
    name: 'vitest died',
    lines: [passed, { started: 'x' }],
    code: 137,
    lastLine: '1 passed, 1 failed, 0 skipped',
    ok: false,
  },
  {
    name: 'vitest failed without saying why',
    lines: [passed, complete],
    code: 1,
    lastLine: '1 passed, 1 failed, 0 skipped',
    ok: false,
  },
  {
    name: 'a skip at home',
    lines: [passed, skipped(''), complete],
    lastLine: '1 passed, 0 failed, 1 skipped',
    ok: true,
  },
  {
    name: 'a skip in CI',
    lines: [passed, skipped('no bird'), complete],
    inCi: true,
    lastLine: '1 passed, 1 failed, 1 skipped',
    ok: false,
  },
  {
    name: 'an allowed skip in CI',
    lines: [passed, skipped('allowed: no kernel WireGuard'), complete],
    inCi: true,
    lastLine: '1 passed, 0 failed, 1 skipped',
    ok: true,
  },
  {
    name: 'what a filter by name left out',
    lines: [passed, skipped(''), complete],
    inCi: true,
    filtered: true,
    lastLine: '1 passed, 0 failed, 1 skipped',
    ok: true,
  },
];

test.each(cases)('$name: $lastLine', ({ lines, inCi, filtered, code, lastLine, ok }) => {
  const counts = new Counts({ inCi: inCi === true, filtered: filtered === true });
  const part = counts.begin();
  for (const line of lines) part.take(JSON.stringify(line));
  part.exited(code ?? 0, null);
  counts.ended();
  expect([counts.lastLine(), counts.ok()]).toEqual([lastLine, ok]);
});

test('what was running when vitest died is named', () => {
  const counts = new Counts({ inCi: true, filtered: false });
  const part = counts.begin();
  for (const line of [{ started: 'x' }, { started: 'y' }, { ended: 'x' }]) part.take(JSON.stringify(line));
  expect(counts.unfinished()).toEqual(['y']);
  part.exited(null, 'SIGKILL');
  expect(counts.problems()).toEqual(['vitest ended (SIGKILL) during y']);
});

test('what several came to is one count, and one in which no test was wanted is no failure', () => {
  const counts = new Counts({ inCi: true, filtered: false });
  for (const lines of [[passed, complete], [complete], [passed, failed, complete]]) {
    const part = counts.begin();
    for (const line of lines) part.take(JSON.stringify(line));
    part.exited(lines.includes(failed) ? 1 : 0, null);
  }
  counts.ended();
  expect([counts.lastLine(), counts.problems()]).toEqual(['2 passed, 1 failed, 0 skipped', []]);
});

interface SecondTry {
  readonly name: string;
  readonly first: readonly TallyLine[];
  readonly second: readonly TallyLine[];
  readonly lastLine: string;
  readonly problems: readonly string[];
}

const secondTries: readonly SecondTry[] = [
  {
    name: 'passed then',
    first: [passed, failed, { ...passed, file: 'y.test.ts' }, complete],
    second: [passed, passed, complete],
    lastLine: '3 passed, 0 failed, 0 skipped',
    problems: ['passed the second time only, in a fresh sandbox: x.test.ts: b'],
  },
  {
    name: 'failed outside its tests and passed then',
    first: [{ broken: file }, complete],
    second: [passed, complete],
    lastLine: '1 passed, 0 failed, 0 skipped',
    problems: ['passed the second time only, in a fresh sandbox: x.test.ts: outside its tests'],
  },
  {
    name: 'failed again',
    first: [passed, failed, complete],
    second: [failed, complete],
    lastLine: '1 passed, 1 failed, 0 skipped',
    problems: ['failed twice: x.test.ts'],
  },
  {
    name: 'did not end the second time',
    first: [passed, failed, complete],
    second: [passed],
    lastLine: '1 passed, 1 failed, 0 skipped',
    problems: ['failed twice: x.test.ts'],
  },
  {
    name: 'was not run the second time',
    first: [passed, failed, complete],
    second: [complete],
    lastLine: '1 passed, 1 failed, 0 skipped',
    problems: ['failed twice: x.test.ts'],
  },
];

test.each(secondTries)('a file that $name: $lastLine', ({ first, second, lastLine, problems }) => {
  const counts = new Counts({ inCi: true, filtered: false });
  const part = counts.begin();
  for (const line of first) part.take(JSON.stringify(line));
  part.exited(1, null);
  expect(part.failedFiles()).toEqual([file]);
  const again = part.again(part.failedFiles());
  for (const line of second) again.take(JSON.stringify(line));
  again.exited(second.includes(failed) ? 1 : 0, null);
  counts.ended();
  expect([counts.lastLine(), counts.problems()]).toEqual([lastLine, problems]);
});

test('an error outside all files is not tried again', () => {
  const counts = new Counts({ inCi: true, filtered: false });
  const part = counts.begin();
  for (const line of [passed, failed, { unhandled: 'oh' }, complete]) part.take(JSON.stringify(line));
  part.exited(1, null);
  expect([part.failedFiles(), counts.lastLine()]).toEqual([[], '1 passed, 2 failed, 0 skipped']);
});
