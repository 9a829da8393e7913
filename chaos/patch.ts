// Patch: other text for a file of the product, put in when a daemon of a chaos run loads it.
//
// Points are places where a daemon can be made to stop itself, between two steps that no fault from outside would hit;
// sightings count what cannot be seen from outside. Mutants are in mutants.ts.

import { messageOf } from '#internal/errors/errors.ts';

export interface Patch {
  /** From the root of the tree. */
  readonly file: string;
  /** Occurs exactly once in it. */
  readonly find: string;
  readonly replace: string;
}

/** What the loader reads, as JSON. */
export interface PatchOrder {
  readonly patches: readonly Patch[];
  /** Where orders to stop are left: a file with the node's name holds the name of the point. */
  readonly orders: string;
}

export const orderVariable = 'POP44_CHAOS_ORDER';
/** Begins a line of a daemon's log that the loader wrote. */
export const sightingMark = 'chaos-sighting';

const before = (text: string, call: string): string => `${call}; ${text}`;
const point = (name: string): string => `globalThis.pop44Point?.('${name}')`;
const sighting = (name: string): string => `globalThis.pop44Sighting?.('${name}')`;

const at = (file: string, find: string, name: string): Patch => ({ file, find, replace: before(find, point(name)) });

/** Between choosing and answering, in the order in which a request passes them. */
export const points = {
  /** Chosen and claimed, its transaction not yet put together. */
  boarded: at('internal/submit/lane.ts', 'void land(group, aboard);', 'boarded'),
  /** Alone, without a leader: decided, not yet sent. */
  alone: at('internal/submit/lane.ts', 'const outcome = await store.commit(', 'alone'),
  /** The lease of its operations is there, the transaction not yet put together. */
  linked: at('internal/store/commit.ts', 'const link = chain.next(items, fence, clock.wall());', 'linked'),
  /** Ready to be sent. */
  sending: at('internal/store/commit.ts', 'let answer: TxnOutcome;', 'sending'),
  /** etcd has answered. */
  answered: at('internal/store/commit.ts', 'const { succeeded, revision } = answer;', 'answered'),
  /** Its transaction has landed, nobody has heard of it. */
  landed: at('internal/submit/lane.ts', 'for (const [at, outcome] of outcomes.entries()) {', 'landed'),
  /** About to be forwarded to the leader. */
  forwarding: {
    file: 'internal/submit/submitting.ts',
    find: 'budget.spend(lead.forward(',
    replace: `budget.spend((${point('forwarding')}, lead).forward(`,
  },
  /** The answer goes out. */
  telling: {
    file: 'internal/submit/carry-out.ts',
    find: "case 'committed':",
    replace: `case 'committed': ${point('telling')};`,
  },
} as const satisfies Readonly<Record<string, Patch>>;

export type Point = keyof typeof points;

export const sightings = {
  /** A transaction under a fence that does not hold any more reached etcd, and was refused. */
  'stale-commit': {
    file: 'internal/store/commit.ts',
    find: "if (fence !== undefined && !holdsFence(fence, stood)) return all({ outcome: 'deposed', revision });",
    replace: `if (fence !== undefined && !holdsFence(fence, stood)) { ${sighting('stale-commit')}; return all({ outcome: 'deposed', revision }); }`,
  },
} as const satisfies Readonly<Record<string, Patch>>;

export type Sighting = keyof typeof sightings;

/** @throws RangeError where the text does not occur exactly once */
export function patched(text: string, { file, find, replace }: Patch): string {
  const pieces = text.split(find);
  if (pieces.length !== 2) throw new RangeError(`${pieces.length - 1} times in ${file}: ${find}`);
  return pieces.join(replace);
}

/** Which of them finds its place no more, as the tree is now; a daemon with such a one would not start. */
export function misplaced(patches: readonly Patch[], textOf: (file: string) => string): readonly string[] {
  const texts = new Map<string, string>();
  const problems: string[] = [];
  for (const patch of patches) {
    try {
      texts.set(patch.file, patched(texts.get(patch.file) ?? textOf(patch.file), patch));
    } catch (thrown) {
      problems.push(messageOf(thrown));
    }
  }
  return problems;
}
