import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ourTable, parseCounter, parseElements, parseErrors, parseMonitorLine } from './parse.ts';

const testdata = (name: string): string => readFileSync(new URL(`testdata/${name}`, import.meta.url), 'utf8');

test.each([
  ['add element inet pop44 t4_32 { 44.31.0.7 }', { type: 'change', table: 'pop44' }],
  ['delete table inet pop44', { type: 'change', table: 'pop44' }],
  ['add rule inet pop44x forward accept', { type: 'change', table: 'pop44x' }],
  ['# new generation 7 by process 8342 (nft)', { type: 'generation', pid: 8342, program: 'nft' }],
  ['# ERROR: We lost some netlink events!', { type: 'lost' }],
  ['add rule ip pop44 forward accept', undefined],
  ['', undefined],
])('nft monitor: %j', (line, event) => expect(parseMonitorLine(line)).toEqual(event));

test('errors are told without the command and its marks', () => {
  const lines = [
    '          ^',
    'Error: Could not process rule: No such file or directory',
    'delete element inet pop44 t4_32 { 9.9.9.8 }',
    '                                  ^^^^^^^',
    '/run/p1/nft-pop.nft:4:3-7: Error: syntax error, unexpected string',
    'add Error: is no message',
  ];
  expect(parseErrors(lines)).toEqual([
    'Could not process rule: No such file or directory',
    'syntax error, unexpected string',
  ]);
});

test('our table is taken out of a whole ruleset, or nothing', () => {
  const [before, ours, after] = [
    'table inet pop44x {\n\tchain a {\n\t}\n}\n',
    testdata('listing.txt'),
    'table inet z {\n}\n',
  ];
  expect(ourTable(before + ours + after)).toBe(ours);
  expect(ourTable(ours)).toBe(ours);
  expect(ourTable(before + after)).toBe('');
  expect(ourTable('')).toBe('');
});

test('sets that packets, time or the text fill are not looked into', () => {
  const set = (flags: unknown) =>
    JSON.stringify({
      nftables: [{ set: { name: 's', flags, elem: ['1.2.3.4', { elem: { val: '1.2.3.5', comment: 'x' } }] } }],
    });
  expect(parseElements('pop', set(undefined)).map(({ element }) => element)).toEqual(['1.2.3.4', '1.2.3.5']);
  for (const flag of ['timeout', 'dynamic', 'interval', 'constant'])
    expect(parseElements('pop', set([flag]))).toEqual([]);
});

test('the counter of an element is read, of one without or of nothing is none', () => {
  const element = (counter: string): string => `\telements = { 44.31.0.7${counter} expires 23h59m59s988ms }\n`;
  expect(parseCounter(element(' counter packets 2 bytes 168'))).toEqual({ packets: 2, bytes: 168 });
  expect(parseCounter(element(''))).toBeUndefined();
  expect(parseCounter('')).toBeUndefined();
});
