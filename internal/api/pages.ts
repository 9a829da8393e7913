// Pages: a long list in parts, by id, so that what comes and goes in between neither repeats nor hides another.

import type { Map as ImmutableMap } from 'immutable';
import type { Refusal } from '#internal/errors/errors.ts';
import { isRefusal, refuse } from '#internal/errors/errors.ts';

export interface Page<T> {
  readonly items: readonly T[];
  /** Empty: it was the last. */
  readonly nextPageToken: string;
}

const defaultSize = 500;
const mostItems = 1_000;

// An immutable map is its own version: pages of a table that does not change sort it once.
const sorted = new WeakMap<object, readonly string[]>();

/** The ids of a table in their order. */
function sortedIds(table: ImmutableMap<string, unknown>): readonly string[] {
  const known = sorted.get(table);
  if (known !== undefined) return known;
  const ids = [...table.keys()].sort();
  sorted.set(table, ids);
  return ids;
}

/** The table's values in the order of their ids. */
export function listed<T>(table: ImmutableMap<string, T>): T[] {
  const values: T[] = [];
  for (const id of sortedIds(table)) {
    const value = table.get(id);
    if (value !== undefined) values.push(value);
  }
  return values;
}

interface Asked {
  readonly pageSize: number;
  readonly pageToken: string;
}

/** How many items, and after which id; empty: from the first on. Refuses `invalid`. */
export function askedPage(asked: Asked): { readonly size: number; readonly after: string } | Refusal {
  if (asked.pageSize > mostItems) {
    return refuse('invalid', {
      field: 'page_size',
      value: String(asked.pageSize),
      problem: 'is too large',
      cure: `1 to ${mostItems}, or 0 for ${defaultSize}`,
    });
  }
  const after = idOf(asked.pageToken);
  if (after === undefined) {
    return refuse('invalid', {
      field: 'page_token',
      value: asked.pageToken,
      problem: 'is no page token',
      cure: 'the next_page_token of the page before, or nothing for the first',
    });
  }
  return { size: asked.pageSize === 0 ? defaultSize : asked.pageSize, after };
}

/** The page after the token, of items that `wanted` accepts. A token is what an earlier page gave. */
export function page<T>(table: ImmutableMap<string, T>, asked: Asked, wanted: (item: T) => boolean): Page<T> | Refusal {
  const taken = askedPage(asked);
  if (isRefusal(taken)) return taken;
  const { size, after } = taken;
  const ids = sortedIds(table);
  const items: T[] = [];
  let reached = '';
  for (let at = firstAfter(ids, after); at < ids.length; at += 1) {
    const id = ids[at] ?? '';
    const item = table.get(id);
    if (item === undefined || !wanted(item)) continue;
    if (items.length === size) return { items, nextPageToken: tokenOf(reached) };
    items.push(item);
    reached = id;
  }
  return { items, nextPageToken: '' };
}

export const tokenOf = (id: string): string => Buffer.from(`after ${id}`).toString('base64url');

function idOf(token: string): string | undefined {
  if (token === '') return '';
  const text = Buffer.from(token, 'base64url').toString();
  const id = text.slice('after '.length);
  return tokenOf(id) === token ? id : undefined;
}

function firstAfter(ids: readonly string[], id: string): number {
  let [low, high] = [0, ids.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ids[middle] ?? '') <= id) low = middle + 1;
    else high = middle;
  }
  return low;
}
