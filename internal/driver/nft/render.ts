// Render: our table and its elements in nft's language, and the checks of what goes there.

import type { Element, Ruleset } from '#internal/dataplane/dataplane.ts';
import { nftTable } from '#internal/dataplane/ownership.ts';
import { demand } from '#internal/driver/driver.ts';

const table = `inet ${nftTable}`;

/** @throws Fault `invalid` */
export function checkElement({ set, element }: Element): void {
  demand(/^[a-z][a-z0-9_]{0,63}$/.test(set), 'the name of a set', set);
  // Addresses, numbers and words, joined by ` . ` in a concatenation and ` : ` in a map.
  demand(/^[0-9a-zA-Z_.:/-]{1,64}( [.:] [0-9a-zA-Z_.:/-]{1,64}){0,7}$/.test(element), 'an element', element);
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

/** Names of the sets and maps that a ruleset declares. */
export function declaredSets(text: string): ReadonlySet<string> {
  return new Set([...text.matchAll(/\b(?:set|map)\s+(\w+)\s*\{/g)].map(([, name]) => name ?? ''));
}

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

/** The whole table anew with its elements, in one transaction: no packet sees it half. */
export function renderRuleset({ text }: Ruleset, elements: Iterable<Element>): string {
  return [
    // So that the deletion finds one.
    `table ${table}`,
    `delete table ${table}`,
    `table ${table} {`,
    text,
    '}',
    ...elementCommands('add', elements),
    '',
  ].join('\n');
}

export const removeTable = `table ${table}; delete table ${table}`;
