import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ourTable, parseCounters, parseElements, parseErrors, parseMonitorLine } from './parse.ts';

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

test.each([
  [{ rate: 600, burst: 2, per: 'minute' }, '44.31.0.7 limit rate 600/minute burst 2 packets'],
  // What other hands have written is not what is wanted.
  [{ rate: 600, burst: 2, per: 'minute', inv: true }, '44.31.0.7 limit rate over 600/minute burst 2 packets'],
  [{ rate: 6, burst: 2, per: 'minute', rate_unit: 'kbytes' }, '44.31.0.7 limit rate 6kbytes/minute burst 2 packets'],
  // nft tells a burst of 5 or leaves it out, by its version.
  [{ rate: 600, per: 'minute' }, '44.31.0.7 limit rate 600/minute burst 5 packets'],
])('a limit of an element is a part of it: %j', (limit, element) => {
  const limited = { elem: { val: '44.31.0.7', limit } };
  const json = JSON.stringify({
    nftables: [{ set: { name: 's', elem: [limited] } }, { map: { name: 'pace_up4_32', elem: [[limited, '1:b']] } }],
  });
  expect(parseElements('pop', json)).toEqual([
    { netns: 'pop', set: 's', element },
    { netns: 'pop', set: 'pace_up4_32', element: `${element} : 1:b` },
  ]);
});

test('counters are read, of elements that have one', () => {
  const set = (elem: readonly unknown[]): string => JSON.stringify({ nftables: [{ metainfo: {} }, { set: { elem } }] });
  const counted = { elem: { val: '44.31.0.7', expires: 86_379, counter: { packets: 2, bytes: 168 } } };
  expect([...parseCounters(set([counted, { elem: { val: '44.31.0.8', expires: 9 } }, '44.31.0.9']))]).toEqual([
    ['44.31.0.7', { packets: 2, bytes: 168 }],
  ]);
  expect([...parseCounters(JSON.stringify({ nftables: [{ set: { name: 'denied4' } }] }))]).toEqual([]);
});
