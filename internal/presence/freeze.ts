// Freeze: a tunnel that goes to and fro between nodes is one key on two devices. It stays where it is for a while.

/** Moves within `withinMs` that no traveller makes (RFC 7432 15.1, which freezes a MAC after 5 moves in 180 s). */
const mostMoves = 5;
const withinMs = 180_000;
/** Long enough that somebody looks; after it, two devices that still call are found out within the next moves. */
const frozenMs = 600_000;

export interface Freeze {
  /** The tunnel has moved. */
  moved(tunnelId: string, nowMs: number): void;
  /** Unix time in milliseconds; undefined: it is free to move. */
  untilMs(tunnelId: string, nowMs: number): number | undefined;
  /** Tunnels that stay where they are, sorted. */
  all(nowMs: number): readonly string[];
  forget(tunnelId: string): void;
}

export function createFreeze(): Freeze {
  /** Moves of the last while by tunnel, the one that moved last at the end. */
  const moves = new Map<string, readonly number[]>();
  const until = new Map<string, number>();
  return {
    moved: (tunnelId, nowMs) => {
      const recent = [...(moves.get(tunnelId) ?? []).filter((atMs) => nowMs - atMs < withinMs), nowMs];
      moves.delete(tunnelId);
      moves.set(tunnelId, recent.slice(-mostMoves));
      if (recent.length >= mostMoves) until.set(tunnelId, nowMs + frozenMs);
      for (const [id, times] of moves) {
        if (nowMs - (times.at(-1) ?? 0) < withinMs) break;
        moves.delete(id);
      }
    },
    untilMs: (tunnelId, nowMs) => {
      const endMs = until.get(tunnelId);
      if (endMs === undefined || endMs > nowMs) return endMs;
      until.delete(tunnelId);
      return undefined;
    },
    all: (nowMs) => {
      for (const [tunnelId, endMs] of until) if (endMs <= nowMs) until.delete(tunnelId);
      return [...until.keys()].sort();
    },
    forget: (tunnelId) => {
      moves.delete(tunnelId);
      until.delete(tunnelId);
    },
  };
}
