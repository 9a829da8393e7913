import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Element } from '#internal/dataplane/dataplane.ts';
import { messageOf } from '#internal/errors/errors.ts';
import { parseElements } from './parse.ts';
import {
  checkElement,
  checkRuleset,
  declaredSets,
  renderAnew,
  renderElements,
  renderFitted,
  renderKnown,
} from './render.ts';

const testdata = (name: string): string => readFileSync(new URL(`testdata/${name}`, import.meta.url), 'utf8');
const ruleset = { netns: 'pop', text: testdata('pop.ruleset') } as const;
const thrownBy = (check: () => void): string | undefined => {
  try {
    check();
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
};
const element = (set: string, text: string): Element => ({ netns: 'pop', set, element: text });
const elements = [
  element('t4_32', '44.31.0.7'),
  element('t6_64', '2001:db8:44:7::'),
  element('t4_32', '44.31.0.8'),
  element('priorities', '44.31.0.7 : 1:11'),
  element('ports', '44.31.0.7 . 6 . 80'),
];

// The same files meet nft itself in nft.netns.test.ts.
test('a table made anew: golden', async () => {
  await expect(renderAnew(ruleset, elements)).toMatchFileSnapshot('testdata/anew.nft');
});

test('a table fitted around its elements: golden', async () => {
  await expect(renderFitted(ruleset, testdata('listing.txt'))).toMatchFileSnapshot('testdata/fitted.nft');
});

test('a change of elements is one line, what goes before what comes', () => {
  expect(renderElements(elements.slice(0, 3), [element('priorities', '44.31.0.7 : 1:10')])).toBe(
    'delete element inet pop44 priorities { 44.31.0.7 : 1:10 }; ' +
      'add element inet pop44 t4_32 { 44.31.0.7, 44.31.0.8 }; add element inet pop44 t6_64 { 2001:db8:44:7:: }',
  );
});

test('known sources are addresses, of IPv6 the /64, and their time begins anew', () => {
  expect(renderKnown(['198.18.1.2', '2001:db8:7::5', '2001:db8:7::6', '198.18.1.2'])).toBe(
    ['add', 'delete', 'add']
      .map((verb) => `${verb} element inet pop44 known4 { 198.18.1.2 }`)
      .concat(['add', 'delete', 'add'].map((verb) => `${verb} element inet pop44 known6 { 2001:db8:7:: }`))
      .join('; '),
  );
  expect(renderKnown([])).toBe('');
  expect(() => renderKnown(['198.18.1.2 } ; flush ruleset'])).toThrow('is not an address');
});

test('declared are named sets and maps, not the anonymous ones', () => {
  expect([...declaredSets(ruleset.text)]).toEqual(['t4_32', 't6_64', 'priorities', 'ports']);
  expect([...declaredSets('chain x { udp dport { 443, 53 } accept; ip daddr set ip saddr }')]).toEqual([]);
});

test.each([
  ['44.31.0.7', true],
  ['2001:db8:44:7::', true],
  ['44.31.0.0/29', true],
  ['44.31.0.7 . 6 . 80', true],
  ['44.31.0.7 : 1:11', true],
  ['0x44', true],
  ['44.31.0.7 limit rate 600/minute burst 2 packets', true],
  ['44.31.0.7 limit rate 600/minute burst 2 packets }; flush ruleset', false],
  ['44.31.0.7 limit rate 600/minute burst 2 mbytes', false],
  ['example.org limit rate 600/minute burst 2 packets', false],
  ['example.org', false],
  ['44.31.0.7 }; flush ruleset', false],
  ['44.31.0.7, 44.31.0.8', false],
  ['44.31.0.7\n44.31.0.8', false],
  ['', false],
])('%j may be an element: %s', (text, may) => {
  const problem = thrownBy(() => checkElement(element('t4_32', text)));
  expect(problem).toBe(may ? undefined : `${JSON.stringify(text)} is not an element`);
});

test.each([
  ['it closes our table and opens another', '} table ip filter { chain x { }'],
  ['it leaves ours open', 'chain x {'],
  ['it reads a file', 'include "/etc/shadow"'],
  ['it hides a brace behind a comment', 'chain x { # }\n}'],
  ['it has an open string', 'chain x { iifname "p44w0 accept\n}'],
])('a ruleset is refused because %s', (_why, text) => {
  expect(() => checkRuleset({ netns: 'pop', text })).toThrow(
    /allowed in a ruleset|stays in its table|braces are closed/,
  );
});

test('braces in strings do not count', () => {
  expect(() => checkRuleset({ netns: 'pop', text: 'chain x { iifname "}" accept\n}' })).not.toThrow();
});

test('no element that is accepted leaves its braces', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('0', 'a', ':', '.', '/', ' ', ';', ',', '{', '}', '"', '\n', '#', '$', '@') }),
      (text) => {
        if (thrownBy(() => checkElement(element('t4_32', text))) !== undefined) return;
        expect(text).toMatch(/^[0-9a-f:./ x]+$/);
      },
    ),
  );
});

test('parse(what nft prints of rendered elements) = elements', () => {
  expect(
    parseElements('pop', testdata('listing.json'))
      .map(({ set, element: text }) => `${set} ${text}`)
      .sort(),
  ).toEqual(elements.map(({ set, element: text }) => `${set} ${text}`).sort());
});
