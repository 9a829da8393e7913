// Render: our table and its elements in nft's language, and the checks of what goes there.

import type { Element, Ruleset } from '#internal/dataplane/dataplane.ts';
import { knownSets, nftTable } from '#internal/dataplane/ownership.ts';
import { demand, isPrefix } from '#internal/driver/driver.ts';
import { Fault } from '#internal/errors/errors.ts';
import { addressNumber, familyOf, firstAddress, parseAddress, prefixFrom } from '#internal/netip/netip.ts';

const table = `inet ${nftTable}`;

/** Any other word might be a host to nft, which would ask the DNS for it. */
const words = /^(tcp|udp|udplite|sctp|dccp|icmp|ipv6-icmp|esp|ah|gre|accept|drop|none)$/;
/** Numbers, and class identifiers as tc(8) writes them. */
const numbers = /^(0x[0-9a-f]{1,8}|[0-9]{1,10}|[0-9a-f]{1,4}:[0-9a-f]{1,4})$/;

/** Behind the key of an element: the rate below which it is found. */
const limit = / limit rate [0-9]{1,15}\/(second|minute) burst [0-9]{1,10} packets(?= : |$)/;

const isPart = (text: string): boolean =>
  words.test(text) || numbers.test(text) || isPrefix(text.includes('/') ? text : `${text}/0`);

/** @throws Fault `invalid` */
export function checkElement({ set, element }: Element): void {
  demand(/^[a-z][a-z0-9_]{0,63}$/.test(set), 'the name of a set', set);
  // Joined by ` . ` in a concatenation and by ` : ` in a map.
  for (const part of element.replace(limit, '').split(/ [.:] /)) demand(isPart(part), 'an element', element);
}

/**
 * The text stays between its braces: it can neither end our table and open another one nor read a file.
 * @throws Fault `invalid`
 */
export function checkRuleset({ text }: Ruleset): void {
  let depth = 0;
  for (const [token] of text.matchAll(/"[^"\n]*"|[{}"#]|\binclude\b/g)) {
    if (token === '{') depth += 1;
    else if (token === '}') depth -= 1;
    else demand(token.length > 1 && token !== 'include', 'allowed in a ruleset', token);
    demand(depth >= 0, 'a ruleset that stays in its table', '}');
  }
  demand(depth === 0, 'a ruleset whose braces are closed', '{');
}

const declared = (text: string, what: RegExp): ReadonlySet<string> =>
  new Set([...text.matchAll(what)].map(([, name]) => name ?? ''));

/** Names of the sets and maps that a ruleset declares. */
export const declaredSets = (text: string): ReadonlySet<string> => declared(text, /\b(?:set|map)\s+(\w+)\s*\{/g);

const declaredChains = (text: string): ReadonlySet<string> => declared(text, /\bchain\s+(\w+)\s*\{/g);

function elementCommands(verb: 'add' | 'delete', elements: Iterable<Element>): readonly string[] {
  const bySet = new Map<string, string[]>();
  for (const { set, element } of elements) {
    const others = bySet.get(set);
    if (others === undefined) bySet.set(set, [element]);
    else others.push(element);
  }
  return [...bySet].map(([set, list]) => `${verb} element ${table} ${set} { ${list.join(', ')} }`);
}

/** One line, one transaction; what goes before what comes, because a map has a key once. */
export function renderElements(added: Iterable<Element>, removed: Iterable<Element>): string {
  return [...elementCommands('delete', removed), ...elementCommands('add', added)].join('; ');
}

/** As it stands in its set: an IPv4 address, or the first address of an IPv6 /64. */
function knownElement(address: string): readonly [4 | 6, string] {
  const parsed = parseAddress(address);
  if (typeof parsed !== 'string') throw new Fault('invalid', `${JSON.stringify(address)} is not an address`);
  const family = familyOf(parsed);
  return [family, family === 4 ? parsed : firstAddress(prefixFrom(family, addressNumber(parsed), 64))];
}

/**
 * Sources that have shaken hands just now. Deleted and added again, because an element that stands keeps its old
 * timeout; added first, because what is not there cannot be deleted.
 */
export function renderKnown(addresses: Iterable<string>): string {
  const lists = { 4: new Set<string>(), 6: new Set<string>() };
  for (const address of addresses) {
    const [family, element] = knownElement(address);
    lists[family].add(element);
  }
  return ([4, 6] as const)
    .filter((family) => lists[family].size > 0)
    .flatMap((family) => {
      const elements = `${table} ${knownSets[family]} { ${[...lists[family]].join(', ')} }`;
      return ['add', 'delete', 'add'].map((verb) => `${verb} element ${elements}`);
    })
    .join('; ');
}

/** The whole table anew with its elements. */
export function renderAnew({ text }: Ruleset, elements: Iterable<Element>): string {
  // Declared first, so that the deletion finds one.
  return [
    `table ${table}`,
    `delete table ${table}`,
    `table ${table} {`,
    text,
    '}',
    ...elementCommands('add', elements),
    '',
  ].join('\n');
}

/**
 * The text put in place of the rules that stand there; sets that it declares again keep their elements.
 * @param listing the kernel's listing of the table, empty when there is none
 */
export function renderFitted({ text }: Ruleset, listing: string): string {
  const standing = [...listing.matchAll(/^\t(chain|set|map) (\w+) \{/gm)].map(([, kind = '', name = '']) => ({
    kind,
    name,
  }));
  const [sets, chains] = [declaredSets(text), declaredChains(text)];
  const leaving = standing.filter(({ kind, name }) => !(kind === 'chain' ? chains : sets).has(name));
  return [
    `table ${table}`,
    // Rules first: they hold on to chains and sets.
    `flush table ${table}`,
    ...leaving.map(({ kind, name }) => `delete ${kind} ${table} ${name}`),
    `table ${table} {`,
    text,
    '}',
    '',
  ].join('\n');
}

export const removeTable = `table ${table}; delete table ${table}`;
