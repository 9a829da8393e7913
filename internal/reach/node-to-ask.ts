// Node to ask: the one node of a place that measures for it: it is heard, in use, and carries the place where one does.

export interface Candidate {
  readonly nodeId: string;
  readonly popId: string;
  /** The asking daemon is it, or hears it. */
  readonly heard: boolean;
  /** Its operators have taken it out of use. */
  readonly drained: boolean;
  /** As it tells the mesh: alone, waiting, standby, active; empty: not known. */
  readonly role: string;
  /** Load average of one minute for each processor. */
  readonly load: number;
}

export interface Answering {
  readonly nodeId: string;
  readonly popId: string;
  readonly load: number;
}

const fenced: ReadonlySet<string> = new Set(['waiting', 'standby']);

/** Undefined: none of them can be asked. O(nodes) */
export function nodeToAsk(candidates: readonly Candidate[]): Answering | undefined {
  const rank = ({ drained, role }: Candidate): number => (fenced.has(role) ? 2 : 0) + (drained ? 1 : 0);
  return candidates
    .filter(({ heard }) => heard)
    .toSorted((a, b) => rank(a) - rank(b) || (a.nodeId < b.nodeId ? -1 : 1))[0];
}
