// Parse: what tc(8) prints, as values.

import type { Shaper, ShaperClass } from '#internal/dataplane/dataplane.ts';
import { linkPrefix } from '#internal/dataplane/ownership.ts';
import { byteLimit, type Queue } from './render.ts';

interface TcQdisc {
  readonly kind: string;
  readonly handle: string;
  readonly dev: string;
  readonly root?: boolean;
  readonly parent?: string;
  readonly options?: { readonly default?: string; readonly limit?: number };
  readonly stab?: { readonly overhead?: number };
}

/** The queue in a class, as far as it is compared. */
interface Leaf {
  readonly kind: string;
  /** Bytes of a bfifo. */
  readonly limit: number;
}

/** By `<dev> <class>`: `p44w0 1:10`. */
export type Queues = ReadonlyMap<string, Leaf>;

/** `tc -d -j qdisc show`: the shapers of our interfaces and all queues in classes. */
export function parseQdiscs(json: string): { readonly shapers: readonly Shaper[]; readonly queues: Queues } {
  const all = JSON.parse(json === '' ? '[]' : json) as readonly TcQdisc[];
  const ours = all.filter(({ dev }) => dev.startsWith(linkPrefix));
  return {
    shapers: ours
      .filter(({ kind, handle, root }) => root === true && kind === 'htb' && handle === '1:')
      .map(({ dev, options, stab }) => ({
        netns: 'pop',
        dev,
        // Hexadecimal, with 0x unless it is 0.
        defaultClass: Number.parseInt(options?.default ?? '0', 16),
        overhead: stab?.overhead ?? 0,
      })),
    queues: new Map(
      ours.flatMap(({ dev, parent, kind, options }) =>
        parent === undefined ? [] : [[`${dev} ${parent}`, { kind, limit: options?.limit ?? 0 }] as const],
      ),
    ),
  };
}

const line = /^class htb 1:([0-9a-f]+) (?:root|parent 1:([0-9a-f]+))(.*) rate (\S+) ceil (\S+) /;
const scale: Readonly<Record<string, number>> = { '': 1, K: 1e3, M: 1e6, G: 1e9, T: 1e12 };

/** `8Kbit`, `2Mbit`, `100bit`: tc divides by 1,000. */
export function parseRate(text: string): number {
  const [, digits = '', unit = '?'] = /^(\d+)([KMGT]?)bit$/.exec(text) ?? [];
  return Number(digits) * (scale[unit] ?? Number.NaN);
}

/** Whether the queue is the one that we give to a class of this ceiling. */
function isOurs(leaf: Leaf | undefined, queue: Queue, ceilBitPerSecond: number): boolean {
  return leaf?.kind === queue && (queue !== 'bfifo' || leaf.limit === byteLimit(ceilBitPerSecond));
}

/**
 * `tc class show dev DEV`. One whose queue is not as we make it is reported with rate 0, which differs from any want; so
 * is one whose line we cannot read.
 */
export function parseClasses(
  dev: string,
  text: string,
  { queue, queues }: { readonly queue: Queue; readonly queues: Queues },
): readonly ShaperClass[] {
  return text.split('\n').flatMap((each): readonly ShaperClass[] => {
    const [, minor = '', parent = '0', middle = '', rate = '', ceil = ''] = line.exec(each) ?? [];
    if (minor === '') return [];
    const [rateBitPerSecond, ceilBitPerSecond] = [parseRate(rate), parseRate(ceil)];
    const hasQueue = middle.includes(' leaf ');
    const right = !hasQueue || isOurs(queues.get(`${dev} 1:${minor}`), queue, ceilBitPerSecond);
    return [
      {
        netns: 'pop',
        dev,
        minor: Number.parseInt(minor, 16),
        parent: Number.parseInt(parent, 16),
        rateBitPerSecond: right && !Number.isNaN(rateBitPerSecond) ? rateBitPerSecond : 0,
        ceilBitPerSecond: Number.isNaN(ceilBitPerSecond) ? 0 : ceilBitPerSecond,
        queue: hasQueue,
      },
    ];
  });
}

/** What became of the lines of `tc -force -batch`, by line number from 1: only failures are told. */
export function parseBatchErrors(stderr: string): ReadonlyMap<number, string> {
  const errors = new Map<number, string>();
  let words: string[] = [];
  for (const each of stderr.split('\n')) {
    const failed = /^Command failed -:(\d+)$/.exec(each);
    if (failed === null) {
      if (each !== '') words.push(each);
      continue;
    }
    // The first line says it; after a word that tc does not know it prints its manual.
    errors.set(Number(failed[1]), words[0] ?? 'refused');
    words = [];
  }
  return errors;
}
