// Layout: messages as people read them: columns on a terminal, tabs in a pipe.

import type { Timestamp } from '@bufbuild/protobuf/wkt';

export type Column<T> = readonly [title: string, value: (item: T) => string];
export type Form = 'columns' | 'tabs';

/** Records may have been written by any hand: nothing of them moves the cursor or ends a line. */
export function harmless(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '\uFFFD');
}

async function columnsText(rows: readonly (readonly string[])[]): Promise<string> {
  const { default: Table } = await import('cli-table3');
  const none = '';
  const table = new Table({
    chars: {
      ...{ top: none, 'top-mid': none, 'top-left': none, 'top-right': none },
      ...{ bottom: none, 'bottom-mid': none, 'bottom-left': none, 'bottom-right': none },
      ...{ left: none, 'left-mid': none, mid: none, 'mid-mid': none, right: none, 'right-mid': none },
      middle: '  ',
    },
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
  });
  for (const row of rows) table.push([...row]);
  const lines = table.toString().split('\n');
  return lines.map((line) => `${line.trimEnd()}\n`).join('');
}

const tabsText = (rows: readonly (readonly string[])[]): string => rows.map((row) => `${row.join('\t')}\n`).join('');

/** Titles only on a terminal; nothing at all without items. */
export async function rowsText<T>(items: readonly T[], columns: readonly Column<T>[], form: Form): Promise<string> {
  if (items.length === 0) return '';
  const rows = items.map((item) => columns.map(([, value]) => harmless(value(item))));
  if (form === 'tabs') return tabsText(rows);
  return columnsText([columns.map(([title]) => title.toUpperCase()), ...rows]);
}

/** On a terminal, those that say something of any of the items; in a pipe all, which a script takes by their place. O(items). */
export const tellingColumns = <T>(
  items: readonly T[],
  columns: readonly Column<T>[],
  form: Form,
): readonly Column<T>[] =>
  form === 'tabs' ? columns : columns.filter(([, value]) => items.some((item) => value(item) !== ''));

/** A line for each column: its title and its value. On a terminal what is not said is told by a dash. */
export async function recordText<T>(item: T, columns: readonly Column<T>[], form: Form): Promise<string> {
  const rows = columns.map(([title, value]) => [title, harmless(value(item))] as const);
  return form === 'tabs' ? tabsText(rows) : columnsText(rows.map(([title, value]) => [title, value || '-']));
}

export const yesNo = (is: boolean): string => (is ? 'yes' : 'no');

/** Of a part between 0 and 1, without its sign; what is not nothing is never shown as 0. */
export function percent(part: number): string {
  if (part === 0) return '0';
  return part < 0.001 ? '<0.1' : (part * 100).toFixed(1);
}

/** UTC, to the second. */
export function timeText({ seconds }: Timestamp): string {
  return new Date(Number(seconds) * 1_000).toISOString().replace('.000Z', 'Z');
}
