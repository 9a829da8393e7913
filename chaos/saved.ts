// Saved: everything that a verdict stands on, as lines of JSON, so that another judge can look at it later.

import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { createGunzip, gzipSync } from 'node:zlib';
import type { Listed } from './check/complete.ts';
import { chunks } from './chunks.ts';
import type { LoggedEvent } from './event-log.ts';
import { type History, type HistoryRecorder, recordHistory } from './history.ts';
import type { Facts, Recorded } from './recorded.ts';

/** What JSON has no words for: whole numbers of any size, bytes, maps, sets. */
function coded(this: unknown, _: string, value: unknown): unknown {
  if (typeof value === 'bigint') return { $n: value.toString() };
  if (value instanceof Uint8Array) return { $b: Buffer.from(value).toString('base64') };
  if (value instanceof Map) return { $m: [...value] };
  return value instanceof Set ? { $s: [...value] } : value;
}

interface Coded {
  readonly $n?: string;
  readonly $b?: string;
  readonly $m?: readonly (readonly [unknown, unknown])[];
  readonly $s?: readonly unknown[];
}

function decoded(_: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const { $n, $b, $m, $s } = value as Coded;
  if ($n !== undefined) return BigInt($n);
  if ($b !== undefined) return new Uint8Array(Buffer.from($b, 'base64'));
  if ($m !== undefined) return new Map($m);
  return $s === undefined ? value : new Set($s);
}

type Line =
  | { readonly is: 'facts'; readonly value: Facts }
  | { readonly is: 'base' | 'event'; readonly value: LoggedEvent }
  | { readonly is: 'listed'; readonly value: Listed }
  | { [K in keyof History]: { readonly is: K; readonly value: History[K][number] } }[keyof History];

function* linesOf({ facts, log, listings, history }: Recorded): Generator<string> {
  const line = (is: string, value: unknown): string => `${JSON.stringify({ is, value }, coded)}\n`;
  yield line('facts', facts);
  for (const event of log.base) yield line('base', event);
  for (const event of log.events) yield line('event', event);
  for (const listed of listings) yield line('listed', listed);
  for (const [is, values] of Object.entries(history)) for (const value of values) yield line(is, value);
}

/** Parts of one file: members of gzip may follow each other (RFC 1952 2.2). */
export function* savedParts(recorded: Recorded): Generator<Buffer> {
  for (const text of chunks(linesOf(recorded))) yield gzipSync(text);
}

/** @throws when it is not there or not whole */
export async function readSaved(file: string): Promise<Recorded> {
  const history: HistoryRecorder = recordHistory();
  const [base, events, listings] = [[] as LoggedEvent[], [] as LoggedEvent[], [] as Listed[]];
  let facts: Facts | undefined;
  const input = createReadStream(file).pipe(createGunzip());
  for await (const text of createInterface({ input })) {
    const line = JSON.parse(text, decoded) as Line;
    switch (line.is) {
      case 'facts':
        facts = line.value;
        break;
      case 'base':
        base.push(line.value);
        break;
      case 'event':
        events.push(line.value);
        break;
      case 'listed':
        listings.push(line.value);
        break;
      default:
        (history[line.is] as unknown[]).push(line.value);
    }
  }
  if (facts === undefined) throw new RangeError(`${file} holds no record of a run`);
  return { facts, log: { base, events, from: facts.from, to: facts.to }, listings, history };
}
