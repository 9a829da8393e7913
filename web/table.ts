// Table: rows of a thing each. Where there is no room for columns, a row is a card, and each cell says what it is (style.css).

import { attributes, html, type Html, nothing, type Part } from './html.ts';

export interface Column {
  readonly label: string;
  /**
   * `name`: what the row is about; a table has one. `corner`: on a card beside the name, without its label. `end`: a figure.
   * `action`: a button below the rest of its card. `mono`: addresses and keys.
   */
  readonly kind?: 'name' | 'corner' | 'end' | 'action' | 'mono';
}

export interface TableAbout {
  /** Of its region, for who does not see it. */
  readonly label: string;
  readonly columns: readonly Column[];
  /** Of the body, for a script that puts other rows there. */
  readonly id?: string;
}

const atTheEnd = (kind: Column['kind']): boolean => kind === 'end' || kind === 'action';

/** A cell that says nothing is left out of its card: by `:empty`, which knows no spaces. */
function cell({ label, kind }: Column, content: Part): Html {
  if (kind === 'name') return html`<th scope="row"><div>${content}</div></th>`;
  const shown = attributes({ class: kind, 'data-label': kind === 'corner' || kind === 'action' ? undefined : label });
  return html`<td${shown}><div>${content}</div></td>`;
}

/** @param rows cells in the order of the columns */
export function table({ label, columns, id }: TableAbout, rows: readonly (readonly Part[])[]): Html {
  const heads = columns.map(
    ({ label: text, kind }) => html`<th scope="col"${atTheEnd(kind) ? html` class="end"` : nothing}>${text}</th>`,
  );
  const body = rows.map((cells) => html`<tr>${columns.map((column, at) => cell(column, cells[at]))}</tr>`);
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${label}"><table class="stacked"><thead><tr>${heads}</tr></thead><tbody${attributes({ id })}>${body}</tbody></table></div>`;
}
