// Roles: what a node of a pair may be, what it is told, and what it remembers from one look to the next.

/**
 * `waiting`: fenced, and does not know yet what its sibling does. `standby`: fenced, its sibling is active.
 *
 * While the PoP moves by an order: `joining`, then `calling`: heard beside the active sibling, which is asked to yield and, when
 * it does, hands over what is for this node's sessions while their clients are called. `yielding`: active, and hands over.
 * `handed`: the sibling leads; what still comes is carried, and told to be gone. `leaving`: likewise, and announced no more.
 */
export type Role = 'waiting' | 'standby' | 'joining' | 'calling' | 'active' | 'yielding' | 'handed' | 'leaving';

/** Its PoP is announced by it. */
export const leads = (role: Role): boolean => role === 'active' || role === 'yielding';
/** It is heard at the endpoint and may speak from there; all others are fenced. */
export const speaks = (role: Role): boolean => role !== 'waiting' && role !== 'standby';

/** As others are told: who comes, or carries what is left, stands by; who yields leads. */
export function toldRole(role: string): string {
  if (role === 'yielding') return 'active';
  return ['joining', 'calling', 'handed', 'leaving'].includes(role) ? 'standby' : role;
}

/** A BFD session to the sibling; `unknown`: BIRD does not answer, or has no such session. */
export type Path = 'up' | 'down' | 'unknown';

/** Why a node went back to waiting, or what its operator should look at; empty: nothing. */
export type Alarm =
  | ''
  | 'stood-still'
  | 'process-died'
  | 'cut-off'
  | 'bird-silent'
  | 'heartbeat-down'
  | 'underlay-down'
  | 'clock-behind';

export interface Facts {
  /** Monotonic. */
  readonly nowMs: number;
  readonly heartbeat: Path;
  readonly underlay: Path;
  /** A session in which the sibling tells its role stands. */
  readonly reached: boolean;
  /** The sibling is active, with this epoch. */
  readonly siblingEpoch?: number;
  /** The sibling hears and speaks, and goes along with a move to this epoch; of an active one that moves nowhere, its own. */
  readonly siblingMove?: number;
  /** The way out stands, as far as somebody watches it. */
  readonly upstream: boolean;
  /** The access interface's process lives. */
  readonly alive: boolean;
  /** The own clock is behind the network's by so much that clients refuse this node's calls for a while. */
  readonly clockBehind?: boolean;
  /** Whether the kernel still lets this node speak from the endpoint; absent: not asked this time. */
  readonly leased?: boolean;
  /** Of a node that calls: every client that was heard of lately has answered, or will not. */
  readonly called?: boolean;
}

/** Of a node that takes part in one. */
export interface Move {
  /** The epoch of who leads after it. */
  readonly toEpoch: number;
  /** Since when this node has its role in it; `leaving` counts on from `handed`. Monotonic. */
  readonly sinceMs: number;
}

export interface Duty {
  readonly role: Role;
  /** The highest that this node knows of; an active node's own. */
  readonly epoch: number;
  readonly alarm: Alarm;
  readonly move?: Move;
  /** Since when both paths are down, the sibling is reached, BIRD is silent; absent: that is not so. */
  readonly downSinceMs?: number;
  readonly reachedSinceMs?: number;
  readonly blindSinceMs?: number;
  /** Of a node that yields: since when its sibling does not take part any more. */
  readonly forsakenSinceMs?: number;
  /** When nobody at all was heard, or this node itself was not looked after, for the last time. */
  readonly isolatedMs?: number;
  readonly lookedMs?: number;
}

/** Of the pair: the node with the lower id leads when both are new. */
export interface Place {
  readonly first: boolean;
}

export type Times = Omit<Duty, 'role' | 'epoch' | 'alarm' | 'move'>;

export const since = (holds: boolean, before: number | undefined, nowMs: number): number | undefined =>
  holds ? (before ?? nowMs) : undefined;
export const lasts = (sinceMs: number | undefined, nowMs: number, leastMs: number): boolean =>
  sinceMs !== undefined && nowMs - sinceMs >= leastMs;
