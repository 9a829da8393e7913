// Profile: what a processor did, out of V8's samples of it: a tree of calls, and the functions that took most.

/** As the inspector writes it (Profiler.Profile); lines and columns from 0. */
export interface CpuProfile {
  readonly nodes: readonly CpuNode[];
  /** Microseconds. */
  readonly startTime: number;
  readonly endTime: number;
  /** Ids of nodes, and microseconds from each to the one before it. */
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

export interface CpuNode {
  readonly id: number;
  readonly callFrame: CallFrame;
  readonly children?: readonly number[];
}

export interface CallFrame {
  readonly functionName: string;
  readonly url: string;
  readonly lineNumber: number;
  readonly columnNumber: number;
}

/** A function, as people know it: its name, and its file with its line, or '' where it is V8's own. */
export interface Place {
  readonly name: string;
  readonly at: string;
}

/** What was spent in a function where it was called in one way; milliseconds. */
export interface Spent extends Place {
  readonly selfMs: number;
  readonly totalMs: number;
  /** The dearest first. */
  readonly calls: readonly Spent[];
}

interface Growing extends Place {
  selfMs: number;
  readonly calls: Map<string, Growing>;
}

const growing = ({ name, at }: Place): Growing => ({ name, at, selfMs: 0, calls: new Map() });

const idle = '(idle)';

/** Microseconds of each node: a sample stands for the time until the next one. */
function timesOf({ samples, timeDeltas, startTime, endTime }: CpuProfile): ReadonlyMap<number, number> {
  const times = new Map<number, number>();
  let at = startTime + (timeDeltas[0] ?? 0);
  samples.forEach((id, place) => {
    const next = place + 1 < samples.length ? at + (timeDeltas[place + 1] ?? 0) : endTime;
    // V8 gives negative ones now and then, when a sample was late.
    times.set(id, (times.get(id) ?? 0) + Math.max(0, next - at));
    at = next;
  });
  return times;
}

function finished({ name, at, selfMs, calls }: Growing): Spent {
  const inner = [...calls.values()].map(finished).sort((a, b) => b.totalMs - a.totalMs);
  return { name, at, selfMs, totalMs: inner.reduce((sum, { totalMs }) => sum + totalMs, selfMs), calls: inner };
}

/**
 * The tree of calls, without the time in which there was nothing to do. Calls of one function by another are one, wherever
 * in it they stand. O(nodes + samples).
 */
export function spentIn(profile: CpuProfile, placeOf: (frame: CallFrame) => Place): Spent {
  const times = timesOf(profile);
  const nodes = new Map(profile.nodes.map((node) => [node.id, node] as const));
  const root = growing({ name: '(all)', at: '' });
  const [first] = profile.nodes;
  // Stacks are as deep as the program's; a list instead of a recursion.
  const open: (readonly [CpuNode, Growing])[] = first === undefined ? [] : [[first, root]];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [node, into] = next;
    into.selfMs += (times.get(node.id) ?? 0) / 1_000;
    for (const id of node.children ?? []) {
      const child = nodes.get(id);
      if (child === undefined || child.callFrame.functionName === idle) continue;
      const place = placeOf(child.callFrame);
      const key = `${place.name} ${place.at}`;
      const found = into.calls.get(key) ?? growing(place);
      into.calls.set(key, found);
      open.push([child, found]);
    }
  }
  return finished(root);
}

export interface Dear extends Place {
  readonly selfMs: number;
  /** With what it calls; a function that calls itself is counted once. */
  readonly totalMs: number;
}

/** The functions that took most by themselves, wherever they were called, the dearest first. */
export function dearest(root: Spent, count: number): readonly Dear[] {
  const found = new Map<string, { place: Place; selfMs: number; totalMs: number }>();
  const visit = (spent: Spent, above: ReadonlySet<string>): void => {
    const key = `${spent.name} ${spent.at}`;
    const own = found.get(key) ?? { place: spent, selfMs: 0, totalMs: 0 };
    own.selfMs += spent.selfMs;
    if (!above.has(key)) own.totalMs += spent.totalMs;
    found.set(key, own);
    const inside = above.has(key) ? above : new Set([...above, key]);
    for (const call of spent.calls) visit(call, inside);
  };
  for (const call of root.calls) visit(call, new Set());
  return [...found.values()]
    .map(({ place: { name, at }, selfMs, totalMs }) => ({ name, at, selfMs, totalMs }))
    .sort((a, b) => b.selfMs - a.selfMs)
    .slice(0, count);
}
