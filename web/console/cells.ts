// Cells: what a page shows of a thing that changes: a text and a colour under a key, for the first paint and for what comes
// live.

import { attributes, html, type Html } from '../html.ts';

export type Colour = '' | 'up' | 'warn' | 'bad';
export interface Cell {
  readonly text: string;
  readonly colour: Colour;
}
export type Cells = ReadonlyMap<string, Cell>;

export const cell = (text: string, colour: Colour = ''): Cell => ({ text, colour });

const unknown: Cell = { text: '', colour: '' };

/** In a table or a line of text: `base` is a class that stays. */
export function shown(cells: Cells, key: string, base = ''): Html {
  const { text, colour } = cells.get(key) ?? unknown;
  return html`<span${attributes({ 'data-cell': key, 'data-base': base, class: `${base} ${colour}`.trim() || undefined })}>${text}</span>`;
}

/** For the script: key, text, colour. */
export const told = (cells: Cells): readonly (readonly [string, string, string])[] =>
  [...cells].map(([key, { text, colour }]) => [key, text, colour]);
