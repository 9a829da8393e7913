// Name index: ids by a text that several may share, in O(log n) a change and without a set for each single one.

import { Map, Set } from 'immutable';

/** Nearly every name has one id, which stands there bare: a set would cost ten times as much. */
export type NameIndex = Map<string, string | Set<string>>;

export function emptyNameIndex(): NameIndex {
  return Map();
}

export function withName(index: NameIndex, name: string, id: string): NameIndex {
  const held = index.get(name);
  if (held === undefined || held === id) return index.set(name, id);
  return index.set(name, typeof held === 'string' ? Set([held, id]) : held.add(id));
}

export function withoutName(index: NameIndex, name: string, id: string): NameIndex {
  const held = index.get(name);
  if (held === undefined) return index;
  if (typeof held === 'string') return held === id ? index.delete(name) : index;
  const rest = held.delete(id);
  return index.set(name, rest.size === 1 ? rest.first(id) : rest);
}

/** Every id of that name, in no order. */
export function namesakes(index: NameIndex, name: string): readonly string[] {
  const held = index.get(name);
  if (held === undefined) return [];
  return typeof held === 'string' ? [held] : [...held];
}
