import { expect, test } from 'vitest';
import { isRefusal } from '#internal/errors/errors.ts';
import { foldedName } from '#internal/people/people.ts';
import { createGuessing, type Tried } from './guessing.ts';

const tried = (more: Partial<Tried> = {}): Tried => ({ name: 'OE1XYZ', source: '192.0.2.7', known: true, ...more });
const busy = (outcome: unknown): boolean => isRefusal(outcome) && outcome.refused === 'busy';

test('of many passwords that are tried at the same moment five pass, however long their hashes take [S3]', () => {
  const guessing = createGuessing();
  // None has failed yet: their hashes are being computed.
  const outcomes = Array.from({ length: 50 }, () => busy(guessing.tries(tried(), 1_000)));
  expect(outcomes.filter((refused) => !refused)).toHaveLength(5);
});

test('a try that found the queue full is none; a right password makes all forgotten [S3]', () => {
  const guessing = createGuessing();
  for (let n = 0; n < 50; n += 1) {
    expect(guessing.tries(tried(), 1_000)).toBeUndefined();
    guessing.takeBack(tried());
  }
  for (let n = 0; n < 5; n += 1) guessing.tries(tried(), 1_000);
  expect(busy(guessing.tries(tried(), 1_000))).toBe(true);
  guessing.passed(tried());
  expect(guessing.tries(tried(), 1_000)).toBeUndefined();
});

test('each wrong one after the fifth waits twice as long, a refused one counts for nothing, and a hundred lock for an hour [S3]', () => {
  const guessing = createGuessing();
  let nowMs = 0;
  const waits: number[] = [];
  for (let n = 0; n < 10; n += 1) {
    let waited = 0;
    while (busy(guessing.tries(tried(), nowMs))) {
      nowMs += 1_000;
      waited += 1;
    }
    waits.push(waited);
  }
  expect(waits).toEqual([0, 0, 0, 0, 0, 1, 2, 4, 8, 16]);
  // From elsewhere it is still free, until a hundred have been wrong together.
  for (let n = 10; n < 100; n += 1)
    expect(guessing.tries(tried({ source: `198.51.100.${n}` }), nowMs), String(n)).toBeUndefined();
  const elsewhere = tried({ source: '203.0.113.1' });
  expect(busy(guessing.tries(elsewhere, nowMs + 3_599_000))).toBe(true);
  expect(guessing.tries(elsewhere, nowMs + 3_600_000)).toBeUndefined();
});

test('a flood of names that nobody has makes no try at an account forgotten [S3]', () => {
  const guessing = createGuessing();
  for (let n = 0; n < 5; n += 1) guessing.tries(tried(), 0);
  for (let n = 0; n < 25_000; n += 1) guessing.tries(tried({ name: `NOBODY${n}`, known: false }), 0);
  expect(busy(guessing.tries(tried(), 0))).toBe(true);
});

test('a reset lifts what stands against its names, from everywhere, and no other [S3]', () => {
  const guessing = createGuessing();
  const sources = ['192.0.2.7', '192.0.2.8'];
  for (const name of ['OE1XYZ', 'OE1XY'])
    for (const source of sources) for (let n = 0; n < 5; n += 1) guessing.tries(tried({ name, source }), 0);
  guessing.lift(['OE1XYZ', 'xyz@example.org']);
  for (const source of sources) {
    expect(guessing.tries(tried({ source }), 0)).toBeUndefined();
    expect(busy(guessing.tries(tried({ name: 'OE1XY', source }), 0))).toBe(true);
  }
});

test.each([
  ['one /64 in two spellings', '2001:db8::1', '2001:db8:0:0:a:b:c:d', true],
  ['one /64, short of a group', '2001:db8:0:7::1', '2001:db8:0:7:1::', true],
  ['two /64', '2001:db8:0:1::1', '2001:db8:0:2::1', false],
  ['an IPv4 address inside IPv6', '::ffff:192.0.2.7', '192.0.2.7', true],
  ['two IPv4 addresses', '192.0.2.7', '192.0.2.8', false],
  ['a link', 'fe80::1%eth0', 'fe80::2%eth0', true],
])('sources: %s', (_, first, second, same) => {
  const guessing = createGuessing();
  for (let n = 0; n < 5; n += 1) guessing.tries(tried({ source: first }), 0);
  expect(busy(guessing.tries(tried({ source: second }), 0))).toBe(same);
});

test('three mails go to one address, whatever its case, then one in ten minutes; another has its own three [S4]', () => {
  const guessing = createGuessing();
  for (let n = 0; n < 3; n += 1) expect(guessing.mayMail('ada@example.org', 0)).toBeUndefined();
  expect(guessing.mayMail('Ada@Example.org', 0)).toMatchObject({ refused: 'busy', cure: 'retry in 600 s' });
  expect(guessing.mayMail('eve@example.org', 0)).toBeUndefined();
  expect(guessing.mayMail('ada@example.org', 600_000)).toBeUndefined();
  expect(busy(guessing.mayMail('ada@example.org', 600_001))).toBe(true);
});

test.each([
  ['oe1xyz', 'OE1XYZ'],
  [' OE1XYZ ', 'OE1XYZ'],
  ['\uff2f\uff25\uff11XYZ', 'OE1XYZ'],
  ['Ada@EXAMPLE.org', 'Ada@example.org'],
  ['\ufb01rst@example.org', 'first@example.org'],
])('a name is one in all its spellings: %j', (typed, name) => {
  expect(foldedName(typed)).toBe(name);
  expect(foldedName(name)).toBe(name);
});
