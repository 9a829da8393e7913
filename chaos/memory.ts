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
