// Contest: a tunnel has shaken hands at a node while another one holds it. Either its client has come back within the
// life of a session, or it is up at both, or there are two devices: the holder tells by what it still hears.
//
// A client that is up at two PoPs sends by one of them; by the other it only keeps its NAT open. So a node that hears no
// more than keepalives asks for nothing that the holder must give away while it hears anything at all.

/** By the node that does not hold the tunnel. */
export interface Contest {
  readonly tunnelId: string;
  /** It sends more than keepalives there. */
  readonly speaks: boolean;
}

/** What a contest depends on besides. */
export interface ContestWorld {
  readonly nodeId: string;
  holderOf(tunnelId: string): string | undefined;
  /** Whether that node is heard on the mesh. */
  heard(nodeId: string): boolean;
  frozen(tunnelId: string): boolean;
}

export interface Verdicts {
  /** For every other node. */
  readonly asks: readonly Contest[];
  /** Held here, and another node's from now on. */
  readonly given: readonly { readonly tunnelId: string; readonly nodeId: string }[];
  /** Held by a node that nobody hears: this node's from now on. */
  readonly taken: readonly string[];
}

export interface Contests {
  /** It has shaken hands here. */
  begin(tunnelId: string, nowMs: number): void;
  /** From another node. */
  asked(nodeId: string, contests: readonly Contest[], nowMs: number): void;
  /** Tunnels whose bytes the next tick wants; none: it is not due yet. */
  wanted(nowMs: number): readonly string[];
  /** Where some were wanted. @param received bytes that came from a tunnel so far; absent: cannot be told. */
  tick(received: ReadonlyMap<string, number>, nowMs: number): Verdicts;
  /** Nodes besides the holder that a tunnel has shaken hands with of late, sorted. */
  alsoAt(tunnelId: string, nowMs: number): readonly string[];
  forget(tunnelId: string): void;
}

interface Own {
  readonly sinceMs: number;
  bytes: number | undefined;
  speaks: boolean;
  unheardSinceMs: number | undefined;
}

interface Asked {
  readonly nodeId: string;
  readonly sinceMs: number;
  askedMs: number;
  speaks: boolean;
  bytes: number | undefined;
  heardMs: number | undefined;
}

/** 16 bytes of header and 16 of tag (WireGuard paper, 5.4.6): a packet with anything in it has more. */
const keepaliveBytes = 32;
/** Who has gone sends nothing more; who sends by both pauses for less while it talks. */
const silentMs = 1_500;
/** Longer than the interval of keepalives, of which every file of ours has 25 s, and a lost one is not silence for two. */
const longSilentMs = 55_000;
/** Until the longest silence is over, and the time to tell it. */
const contestMs = 60_000;
/**
 * Until then a holder that has just died is no longer heard (status.silenceMs, 5 s). To look what was received costs 35 ms of CPU at 10,000 peers (measured). A contest that is not over by then is one of a client
 * that is up at both, and is looked at less often.
 */
const youngMs = 8_000;
const slowTickMs = 5_000;
/** Whoever asks no more has ended it. */
const askedMs = 3 * slowTickMs;
/** A node that is heard no more is waited for this long: its stream may be opened anew. */
const unheardMs = 1_500;
/** REJECT_AFTER_TIME: a client that is up there shakes hands again within it. */
const alsoMs = 180_000;

export function createContests(world: ContestWorld): Contests {
  const own = new Map<string, Own>();
  const asked = new Map<string, Asked>();
  /** By tunnel: when each node was last known to have shaken hands with it. */
  const also = new Map<string, Map<string, number>>();
  let tickedMs = 0;
  const isYoung = (nowMs: number): boolean =>
    [...own.values()].some(
      ({ sinceMs, unheardSinceMs }) => nowMs - sinceMs < youngMs || unheardSinceMs !== undefined,
    ) || [...asked.values()].some(({ sinceMs, speaks }) => speaks || nowMs - sinceMs < youngMs);

  function note(tunnelId: string, nodeId: string, nowMs: number): void {
    const nodes = also.get(tunnelId) ?? new Map<string, number>();
    nodes.set(nodeId, nowMs);
    also.set(tunnelId, nodes);
  }

  function tickOwn(received: ReadonlyMap<string, number>, nowMs: number): Pick<Verdicts, 'asks' | 'taken'> {
    const asks: Contest[] = [];
    const taken: string[] = [];
    for (const [tunnelId, contest] of own) {
      const holder = world.holderOf(tunnelId);
      if (holder === undefined || holder === world.nodeId || nowMs - contest.sinceMs > contestMs) {
        own.delete(tunnelId);
        continue;
      }
      const bytes = received.get(tunnelId);
      if (bytes !== undefined && contest.bytes !== undefined && bytes - contest.bytes > keepaliveBytes)
        contest.speaks = true;
      contest.bytes = bytes ?? contest.bytes;
      if (world.heard(holder)) {
        contest.unheardSinceMs = undefined;
        asks.push({ tunnelId, speaks: contest.speaks });
        continue;
      }
      contest.unheardSinceMs ??= nowMs;
      if (nowMs - contest.unheardSinceMs < unheardMs) continue;
      own.delete(tunnelId);
      taken.push(tunnelId);
    }
    return { asks, taken };
  }

  function tickAsked(received: ReadonlyMap<string, number>, nowMs: number): Verdicts['given'] {
    const given: { readonly tunnelId: string; readonly nodeId: string }[] = [];
    for (const [tunnelId, contest] of asked) {
      if (world.holderOf(tunnelId) !== world.nodeId || nowMs - contest.askedMs > askedMs) {
        asked.delete(tunnelId);
        continue;
      }
      const bytes = received.get(tunnelId);
      // What came before the first look says nothing of what comes now.
      if (bytes !== undefined && bytes !== contest.bytes) contest.heardMs = nowMs;
      contest.bytes = bytes ?? contest.bytes;
      const patienceMs = contest.speaks && !world.frozen(tunnelId) ? silentMs : longSilentMs;
      if (nowMs - (contest.heardMs ?? contest.sinceMs) < patienceMs) continue;
      asked.delete(tunnelId);
      given.push({ tunnelId, nodeId: contest.nodeId });
    }
    return given;
  }

  return {
    begin: (tunnelId, nowMs) => {
      note(tunnelId, world.nodeId, nowMs);
      own.set(tunnelId, { sinceMs: nowMs, bytes: undefined, speaks: false, unheardSinceMs: undefined });
    },
    asked: (nodeId, contests, nowMs) => {
      for (const { tunnelId, speaks } of contests) {
        note(tunnelId, nodeId, nowMs);
        if (world.holderOf(tunnelId) !== world.nodeId) continue;
        const known = asked.get(tunnelId);
        if (known?.nodeId === nodeId) {
          known.askedMs = nowMs;
          known.speaks = speaks;
        } else if (known === undefined || (speaks && !known.speaks))
          asked.set(tunnelId, {
            ...{ nodeId, speaks, sinceMs: nowMs, askedMs: nowMs },
            ...{ bytes: undefined, heardMs: undefined },
          });
      }
    },
    wanted: (nowMs) => {
      if (nowMs - tickedMs < slowTickMs && !isYoung(nowMs)) return [];
      return [...new Set([...own.keys(), ...asked.keys()])];
    },
    tick: (received, nowMs) => {
      tickedMs = nowMs;
      for (const [tunnelId, nodes] of also) {
        for (const [nodeId, atMs] of nodes) if (nowMs - atMs >= alsoMs) nodes.delete(nodeId);
        if (nodes.size === 0) also.delete(tunnelId);
      }
      return { ...tickOwn(received, nowMs), given: tickAsked(received, nowMs) };
    },
    alsoAt: (tunnelId, nowMs) => {
      const holder = world.holderOf(tunnelId);
      const nodes = [...(also.get(tunnelId) ?? [])];
      return nodes.flatMap(([id, atMs]) => (id !== holder && nowMs - atMs < alsoMs ? [id] : [])).sort();
    },
    forget: (tunnelId) => {
      own.delete(tunnelId);
      asked.delete(tunnelId);
      also.delete(tunnelId);
    },
  };
}
