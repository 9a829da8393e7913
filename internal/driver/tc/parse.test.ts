import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parseBatchErrors, parseClasses, parseQdiscs, parseRate } from './parse.ts';

const file = (name: string): string => readFileSync(new URL(`testdata/${name}`, import.meta.url), 'utf8');

test('shapers are ours on our interfaces alone', () => {
  expect(parseQdiscs(file('qdiscs.json')).shapers).toEqual([
    { netns: 'pop', dev: 'p44w0', defaultClass: 0, overhead: 0 },
    { netns: 'pop', dev: 'p44u0', defaultClass: 2, overhead: -14 },
  ]);
  expect(parseQdiscs('').shapers).toEqual([]);
});

test('a class with the queue that we give is found as it is, one with another queue with rate 0', () => {
  const { queues } = parseQdiscs(file('qdiscs.json'));
  const classes = parseClasses('p44w0', file('classes.txt'), { queue: 'bfifo', queues });
  const told = classes.map((each) => [
    each.minor.toString(16),
    each.parent,
    each.rateBitPerSecond,
    each.ceilBitPerSecond,
    each.queue,
  ]);
  expect(told).toEqual([
    ['10', 1, 8_000, 1_000_000, true],
    ['11', 1, 0, 1_500_000, true],
    ['12', 1, 0, 1_000_000, true],
    ['13', 1, 8_000, 2_000_000_000, false],
    ['1', 0, 100e9, 100e9, false],
  ]);
  const fair = parseClasses('p44w0', file('classes.txt'), { queue: 'fq_codel', queues });
  expect(fair.map((each) => each.rateBitPerSecond)).toEqual([0, 8_000, 0, 8_000, 100e9]);
});

test.each([
  ['100bit', 100],
  ['8Kbit', 8_000],
  ['10001Kbit', 10_001_000],
  ['2Gbit', 2e9],
  ['1Tbit', 1e12],
  ['1.5Mbit', Number.NaN],
  ['10MBps', Number.NaN],
])('%s', (text, bits) => {
  expect(parseRate(text)).toBe(bits);
});

test('of a batch, the line that failed and its first words', () => {
  const stderr = [
    'What is "bogus"?',
    'Usage: ... qdisc add ... htb [default N] [r2q N]',
    '',
    'Command failed -:1',
    'RTNETLINK answers: No such file or directory',
    'Command failed -:3',
    '',
  ].join('\n');
  expect([...parseBatchErrors(stderr)]).toEqual([
    [1, 'What is "bogus"?'],
    [3, 'RTNETLINK answers: No such file or directory'],
  ]);
});
