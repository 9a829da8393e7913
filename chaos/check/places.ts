// Places: prefixes and ids, as the judges read them.

import { type Prefix, parsePrefix } from '#internal/netip/netip.ts';

/** Undefined when the text is no canonical prefix. */
export function prefixOf(text: string): Prefix | undefined {
  const parsed = parsePrefix(text);
  return parsed === text ? (parsed as Prefix) : undefined;
}

/** The pool in the id of an allocation, a slab or a reservation. */
export const poolOf = (id: string): string => id.slice(0, Math.max(0, id.indexOf('/')));
