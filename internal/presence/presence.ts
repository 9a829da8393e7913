// Presence: which node holds each tunnel, from handshakes on the own interfaces and from what the mesh tells.
//
// On the path: handshakes come in; out goes the set of tunnels that are held here, which gives a tunnel that is away from
// its home a route of its own, and the news that other nodes must hear. A tunnel moves when a session starts, never by a
// rekey; each move counts up, and the highest count is right (claim.ts).
// Never: in etcd. A presence that is lost is told again by the others, or by the next handshake.

import { Map as ImmutableMap, Set as ImmutableSet } from 'immutable';
import { type Claim, isClaim, isMove, outranks } from './claim.ts';
import { createFreeze } from './freeze.ts';

export type { Claim } from './claim.ts';
export { type Contest, type Contests, createContests } from './contest.ts';
export { createLive, type Live, type LiveTunnels } from './live.ts';

/** A handshake on the own access interfaces. */
export interface Sighting {
  readonly tunnelId: string;
  /** Unix time, milliseconds. */
  readonly handshakeMs: number;
  /** Access interface that it was on. */
  readonly link?: string;
}

/** A value: the tunnels that this node holds. */
export interface Held {
  has(tunnelId: string): boolean;
  /** Which of its moves brought it here; undefined: it is not. */
  sequenceOf(tunnelId: string): number | undefined;
  /** The node that it came from has not said yet that it let go. */
  contended(tunnelId: string): boolean;
}

export interface Presence {
  here(): Held;
  /** Handshakes here. Gives what others must hear: tunnels that have come. */
  seen(sightings: readonly Sighting[], nowMs: number): readonly Claim[];
  /** From another node. Gives what it must hear in return: where it is wrong, and what was let go here because of it. */
  told(from: string, claims: readonly Claim[], nowMs: number): readonly Claim[];
  /** Moves a tunnel to a node whatever has been claimed before. Gives what others must hear. */
  move(tunnelId: string, nodeId: string, nowMs: number): readonly Claim[];
  /** For a node that has just come: what is held here, and what is known of tunnels that have moved. */
  all(): readonly Claim[];
  claimOf(tunnelId: string): Claim | undefined;
  /** Of a tunnel that is held here, the node that held it before. */
  cameFrom(tunnelId: string): string | undefined;
  /** Unix time in milliseconds until which it stays where it is; undefined: it may move. */
  frozenUntilMs(tunnelId: string, nowMs: number): number | undefined;
  /** Tunnels that stay where they are, sorted. */
  frozen(nowMs: number): readonly string[];
  /** The tunnel is gone. */
  forget(tunnelId: string): void;
  /** That node is no node any more: what it held is nobody's, however it counted, and it lets go of what it has lost. O(claims) */
  gone(nodeId: string): void;
}

export interface PresenceParts {
  readonly nodeId: string;
  /** Which of the nodes of a PoP holds a tunnel goes by who carries the PoP. */
  readonly isSibling: (nodeId: string) => boolean;
  /** Two nodes share an endpoint: a client that has one file is at the one or the other, as the internet leads it. */
  readonly together: (nodeId: string, other: string) => boolean;
  /** Hears of tunnels that came, went, or are held by another move; once for each call that moved any. */
  readonly onMove: (here: Held, moved: readonly string[]) => void;
  /** A tunnel that was here is another node's. */
  readonly onLost: (tunnelId: string, to: string) => void;
  /** A tunnel has shaken hands here, and another node holds it still. */
  readonly onContest: (tunnelId: string) => void;
}

/** WireGuard's REJECT_AFTER_TIME (paper, 6.1): a handshake that long after the last is no rekey of it. */
const sessionMs = 180_000;
/** Clocks of nodes differ, and news of one move travel while the next is made: what is not older by this may be the later one. */
const sameMomentMs = 5_000;

export function createPresence(parts: PresenceParts): Presence {
  const { nodeId, isSibling, together, onMove, onLost, onContest } = parts;
  const claims = new Map<string, Claim>();
  /** Newest handshake here, held or not. */
  const shaken = new Map<string, number>();
  const freeze = createFreeze();
  let sequences = ImmutableMap<string, number>();
  /** Held here since they came from a node that has not let go. */
  let contended = ImmutableSet<string>();
  const from = new Map<string, string>();
  /** Who held what is held here before, whether it has let go or not. */
  const formerly = new Map<string, string>();

  const here = (): Held => {
    const [held, open] = [sequences, contended];
    return {
      has: (id) => held.has(id),
      sequenceOf: (id) => held.get(id),
      contended: (id) => open.has(id),
    };
  };
  const tell = (moved: readonly string[]): void => {
    if (moved.length > 0) onMove(here(), moved);
  };

  function settled(tunnelId: string): void {
    from.delete(tunnelId);
    contended = contended.delete(tunnelId);
  }

  /** Takes a claim that outranks what was known; gives whether anything here changes with it. */
  function take(claim: Claim, nowMs: number): boolean {
    const { tunnelId } = claim;
    const before = claims.get(tunnelId);
    claims.set(tunnelId, claim);
    const passed = before !== undefined && before.nodeId !== claim.nodeId;
    const within = [before?.nodeId, claim.nodeId].every((id) => id === nodeId || isSibling(id ?? ''));
    // Of one key on two devices that says nothing.
    const led = passed && together(before.nodeId, claim.nodeId);
    if (passed && !within && !led) freeze.moved(tunnelId, nowMs);
    if (claim.nodeId === nodeId) {
      sequences = sequences.set(tunnelId, claim.sequence);
      if (passed) {
        from.set(tunnelId, before.nodeId);
        formerly.set(tunnelId, before.nodeId);
        // Between siblings the route of the slab goes with the role. A route for each of a PoP's tunnels, that comes and goes when it
        // moves, would lead in circles for a moment each time (neighbours try what they heard before from each other).
        if (!within) contended = contended.add(tunnelId);
      }
      return true;
    }
    settled(tunnelId);
    formerly.delete(tunnelId);
    if (before?.nodeId !== nodeId) return false;
    sequences = sequences.delete(tunnelId);
    onLost(tunnelId, claim.nodeId);
    // It has moved on and back before the news of the first move were here.
    const latest = (shaken.get(tunnelId) ?? 0) > claim.handshakeMs - sameMomentMs;
    if (latest && !isSibling(claim.nodeId) && !together(claim.nodeId, nodeId)) onContest(tunnelId);
    return true;
  }

  /** A session of another node's tunnel has started here, and nothing speaks against it. */
  function starts(claim: Claim, { handshakeMs }: Sighting, lastMs: number | undefined, nowMs: number): boolean {
    // One that is told late, by a privileged half that is met again, is older than the move away from here.
    if (isSibling(claim.nodeId)) return handshakeMs > claim.handshakeMs - sameMomentMs;
    // A client of a shared endpoint cannot be at two nodes: where it shook hands last, there it is.
    if (together(claim.nodeId, nodeId)) return handshakeMs > claim.handshakeMs;
    if (handshakeMs <= claim.handshakeMs || freeze.untilMs(claim.tunnelId, nowMs) !== undefined) return false;
    return lastMs === undefined || handshakeMs - lastMs >= sessionMs;
  }

  return {
    here,
    seen: (sightings, nowMs) => {
      const news: Claim[] = [];
      for (const sighting of sightings) {
        const { tunnelId, handshakeMs } = sighting;
        const lastMs = shaken.get(tunnelId);
        if (lastMs !== undefined && lastMs >= handshakeMs) continue;
        shaken.set(tunnelId, handshakeMs);
        const known = claims.get(tunnelId);
        // A rekey of a session that is here already is no news.
        if (known?.nodeId === nodeId) continue;
        if (known !== undefined && !starts(known, sighting, lastMs, nowMs)) {
          onContest(tunnelId);
          continue;
        }
        const claim = { tunnelId, nodeId, sequence: (known?.sequence ?? 0) + 1, handshakeMs };
        // No node would believe it; whoever counted so far is taken out of the records.
        if (!isMove(claim.sequence)) continue;
        take(claim, nowMs);
        news.push(claim);
      }
      tell(news.map(({ tunnelId }) => tunnelId));
      return news;
    },
    told: (teller, heard, nowMs) => {
      const answers: Claim[] = [];
      const moved: string[] = [];
      for (const each of heard) {
        if (!isClaim(each)) continue;
        // A time to come would keep sessions from starting elsewhere until then.
        const claim = { ...each, handshakeMs: Math.min(each.handshakeMs, nowMs + sameMomentMs) };
        const { tunnelId } = claim;
        const known = claims.get(tunnelId);
        if (known === undefined || outranks(claim, known)) {
          if (take(claim, nowMs)) moved.push(tunnelId);
          // Given away by the one that held it: nothing is left to be let go.
          if (claim.nodeId === nodeId && from.get(tunnelId) === teller) settled(tunnelId);
          // Whoever it came to keeps a route of its own for it until it hears this.
          if (known?.nodeId === nodeId && claim.nodeId === teller) answers.push(claim);
        } else if (outranks(known, claim)) answers.push(known);
        // As both know it. Said once more by who holds it: it has not heard that it was let go.
        else if (claim.nodeId === teller && claim.sequence > 1) answers.push(claim);
        else if (claim.nodeId === nodeId && from.get(tunnelId) === teller) {
          settled(tunnelId);
          moved.push(tunnelId);
        }
      }
      tell(moved);
      return answers;
    },
    move: (tunnelId, to, nowMs) => {
      const sequence = (claims.get(tunnelId)?.sequence ?? 0) + 1;
      const claim = { tunnelId, nodeId: to, sequence, handshakeMs: nowMs };
      if (!isMove(sequence)) return [];
      if (take(claim, nowMs)) tell([tunnelId]);
      return [claim];
    },
    all: () => [...claims.values()].filter((claim) => claim.nodeId === nodeId || claim.sequence > 1),
    claimOf: (tunnelId) => claims.get(tunnelId),
    cameFrom: (tunnelId) => formerly.get(tunnelId),
    frozenUntilMs: freeze.untilMs,
    frozen: freeze.all,
    forget: (tunnelId) => {
      const held = sequences.has(tunnelId);
      claims.delete(tunnelId);
      shaken.delete(tunnelId);
      freeze.forget(tunnelId);
      settled(tunnelId);
      formerly.delete(tunnelId);
      sequences = sequences.delete(tunnelId);
      if (held) tell([tunnelId]);
    },
    gone: (other) => {
      for (const [tunnelId, claim] of claims) if (claim.nodeId === other) claims.delete(tunnelId);
      const open = [...from].flatMap(([tunnelId, before]) => (before === other ? [tunnelId] : []));
      open.forEach(settled);
      tell(open);
    },
  };
}
