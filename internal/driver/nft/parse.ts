// Parse: what nft(8) prints, as values.

import type { Element, Netns } from '#internal/dataplane/dataplane.ts';
import { nftTable } from '#internal/dataplane/ownership.ts';

type Json = string | number | { readonly [name: string]: unknown } | readonly Json[];

interface JsonSet {
  readonly name: string;
  readonly flags?: readonly string[] | string;
  readonly elem?: readonly Json[];
}

/** libnftables-json(5): sets with these flags are filled by the text or by packets. */
const foreignFlags = ['timeout', 'dynamic', 'interval', 'constant'];

/** What an element has beside its value: of a rate below which it is found; what it counts is not compared. */
interface JsonElement {
  readonly val: Json;
  readonly limit?: {
    readonly rate: number;
    readonly per: string;
    readonly burst?: number;
    readonly inv?: boolean;
    readonly rate_unit?: string;
  };
}

/** Of a limit whose burst nft does not tell (nft(8)). */
const usualBurst = 5;

/** One element as nft prints it in its own language. */
function elementText(value: Json): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return String(value);
  // Of a map: key and data.
  if (Array.isArray(value)) return value.map(elementText).join(' : ');
  const { concat, elem } = value as { concat?: readonly Json[]; elem?: JsonElement };
  if (concat !== undefined) return concat.map(elementText).join(' . ');
  if (elem?.limit !== undefined) {
    const { rate, per, inv, rate_unit: unit = '', burst = usualBurst } = elem.limit;
    return `${elementText(elem.val)} limit rate ${inv === true ? 'over ' : ''}${rate}${unit}/${per} burst ${burst} packets`;
  }
  if (elem !== undefined) return elementText(elem.val);
  return JSON.stringify(value);
}

/** The elements of our table's own sets and maps in the output of `nft -j list table inet pop44`. */
export function parseElements(netns: Netns, json: string): readonly Element[] {
  const { nftables } = JSON.parse(json) as { nftables: readonly { set?: JsonSet; map?: JsonSet }[] };
  return nftables.flatMap(({ set, map }) => {
    const { name = '', flags = [], elem = [] } = set ?? map ?? {};
    if (foreignFlags.some((flag) => flags.includes(flag))) return [];
    return elem.map((value) => ({ netns, set: name, element: elementText(value) }));
  });
}

interface Counter {
  readonly packets: number;
  readonly bytes: number;
}

/** Of the elements that have one, in the output of `nft -j list set`. */
export function parseCounters(json: string): ReadonlyMap<string, Counter> {
  const { nftables } = JSON.parse(json) as {
    nftables: readonly { set?: { elem?: readonly { elem?: { val: string; counter?: Counter } }[] } }[];
  };
  return new Map(
    nftables
      .flatMap(({ set }) => set?.elem ?? [])
      .flatMap(({ elem }) => {
        const { packets, bytes } = elem?.counter ?? {};
        return elem === undefined || packets === undefined || bytes === undefined
          ? []
          : [[elem.val, { packets, bytes }] as const];
      }),
  );
}

/** Our table in the output of `nft list ruleset`, with its braces; empty when it is not there. */
export function ourTable(listing: string): string {
  const from = `\n${listing}`.indexOf(`\ntable inet ${nftTable} {\n`);
  const to = listing.indexOf('\n}\n', from);
  return from < 0 || to < 0 ? '' : listing.slice(from, to + 3);
}

/** Error messages among the lines of standard error; the lines with the command and the marks below it are left out. */
export function parseErrors(lines: readonly string[]): readonly string[] {
  return lines.flatMap((line) => {
    const at = line.indexOf('Error: ');
    return at === 0 || line.slice(0, at).endsWith(': ') ? [line.slice(at + 'Error: '.length)] : [];
  });
}

export type MonitorLine =
  | { readonly type: 'change'; readonly table: string }
  | { readonly type: 'generation'; readonly pid: number; readonly program: string }
  | { readonly type: 'lost' };

/** A line of `nft monitor`: changes come first, then the generation that made them, with its maker. */
export function parseMonitorLine(line: string): MonitorLine | undefined {
  const generation = /^# new generation \d+ by process (\d+) \((.*)\)$/.exec(line);
  if (generation !== null) return { type: 'generation', pid: Number(generation[1]), program: generation[2] ?? '' };
  if (line.startsWith('# ERROR')) return { type: 'lost' };
  const change = /^\w+ \w+ inet ([^ ]+)/.exec(line);
  return change === null ? undefined : { type: 'change', table: change[1] ?? '' };
}

export const isOurs = (table: string): boolean => table === nftTable;
