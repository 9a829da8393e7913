// Memory: what one client knows that its owners have. What it is about to give back is not in it any more.

export interface Held {
  readonly owner: string;
  readonly poolId: string;
  readonly prefix: string;
}

export interface Tunnel {
  readonly id: string;
  readonly owner: string;
}

export interface Memory {
  readonly held: Held[];
  readonly tunnels: Tunnel[];
  /** Ids of pools that were delegated for it. */
  readonly delegated: string[];
}

export const emptyMemory = (): Memory => ({ held: [], tunnels: [], delegated: [] });

/** Takes one out at random; undefined when there is none. */
export function takeOne<T>(items: T[], random: () => number): T | undefined {
  const at = Math.floor(random() * items.length);
  const last = items.pop();
  if (last === undefined || at === items.length) return last;
  const chosen = items[at];
  items[at] = last;
  return chosen;
}
