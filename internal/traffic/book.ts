// Book: totals by tunnel, and for each of its keys the counters that are in them already.
//
// Both stand in one line of the journal: whatever was written last, the next counters are counted from there, once.

/** Of a tunnel at one node. */
export interface Bytes {
  /** From the client. */
  readonly upBytes: number;
  /** To it. */
  readonly downBytes: number;
  /** Unix time in milliseconds of the first and last reading that counted something. */
  readonly sinceMs: number;
  readonly lastMs: number;
}

/** Counters of a peer, as WireGuard has them: they begin at 0 with the peer, and with its interface. */
export interface Reading {
  readonly tunnelId: string;
  readonly publicKey: string;
  readonly rxBytes: number;
  readonly txBytes: number;
}

/** What a reading counted. */
export interface Moved {
  readonly tunnelId: string;
  readonly upBytes: number;
  readonly downBytes: number;
}

type Counters = readonly [rx: number, tx: number];
interface Entry {
  bytes: Bytes;
  readonly counted: Map<string, Counters>;
}

/** Keys of one tunnel: one, and two while it changes. */
const mostKeys = 4;

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

function parsed(line: string): readonly [string, Entry] | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (!Array.isArray(value)) return undefined;
  const [id, upBytes, downBytes, sinceMs, lastMs, keys] = value as readonly unknown[];
  if (typeof id !== 'string' || !isCount(upBytes) || !isCount(downBytes) || !isCount(sinceMs) || !isCount(lastMs))
    return undefined;
  const counted = new Map<string, Counters>();
  for (const each of Array.isArray(keys) ? (keys as readonly unknown[]) : []) {
    if (!Array.isArray(each)) return undefined;
    const [key, rx, tx] = each as readonly unknown[];
    if (typeof key !== 'string' || !isCount(rx) || !isCount(tx)) return undefined;
    counted.set(key, [rx, tx]);
  }
  return [id, { bytes: { upBytes, downBytes, sinceMs, lastMs }, counted }];
}

export interface Book {
  /** One of its own lines; a line that says nothing (torn, damaged) changes nothing. The last of a tunnel counts. */
  read(line: string): void;
  /** Gives what moved. */
  take(readings: readonly Reading[], nowMs: number): readonly Moved[];
  of(tunnelId: string): Bytes | undefined;
  ids(): Iterable<string>;
  line(tunnelId: string): string;
  forget(tunnelId: string): void;
  /** Tunnels whose lines are not written yet; counts them as written. */
  changed(): readonly string[];
  /** They were not written after all. */
  owe(tunnelIds: readonly string[]): void;
  owes(): boolean;
}

export function createBook(): Book {
  const entries = new Map<string, Entry>();
  let unwritten = new Set<string>();

  function take({ tunnelId, publicKey, rxBytes, txBytes }: Reading, nowMs: number): Moved | undefined {
    const entry = entries.get(tunnelId);
    const [rx, tx] = entry?.counted.get(publicKey) ?? [0, 0];
    // One that went back: the peer is a new one, and so are both its counters.
    const anew = rxBytes < rx || txBytes < tx;
    const [up, down] = anew ? [rxBytes, txBytes] : [rxBytes - rx, txBytes - tx];
    if (up === 0 && down === 0 && !anew) return undefined;
    const { upBytes, downBytes, sinceMs } = entry?.bytes ?? { upBytes: 0, downBytes: 0, sinceMs: nowMs };
    const counted = entry?.counted ?? new Map<string, Counters>();
    // The newest last: those that a tunnel had once are the first to go.
    counted.delete(publicKey);
    counted.set(publicKey, [rxBytes, txBytes]);
    for (const key of counted.keys()) if (counted.size > mostKeys) counted.delete(key);
    const bytes = { upBytes: upBytes + up, downBytes: downBytes + down, sinceMs, lastMs: nowMs };
    entries.set(tunnelId, { bytes, counted });
    unwritten.add(tunnelId);
    return { tunnelId, upBytes: up, downBytes: down };
  }

  return {
    read: (line) => {
      const [id, entry] = parsed(line) ?? [];
      if (id !== undefined && entry !== undefined) entries.set(id, entry);
    },
    take: (readings, nowMs) =>
      readings.flatMap((reading) =>
        isCount(reading.rxBytes) && isCount(reading.txBytes) ? (take(reading, nowMs) ?? []) : [],
      ),
    of: (tunnelId) => entries.get(tunnelId)?.bytes,
    ids: () => entries.keys(),
    line: (tunnelId) => {
      const entry = entries.get(tunnelId);
      if (entry === undefined) return '';
      const { upBytes, downBytes, sinceMs, lastMs } = entry.bytes;
      const keys = [...entry.counted].map(([key, [rx, tx]]) => [key, rx, tx]);
      return JSON.stringify([tunnelId, upBytes, downBytes, sinceMs, lastMs, keys]);
    },
    forget: (tunnelId) => {
      entries.delete(tunnelId);
      unwritten.delete(tunnelId);
    },
    changed: () => {
      const ids = [...unwritten];
      unwritten = new Set();
      return ids;
    },
    owe: (tunnelIds) => {
      for (const id of tunnelIds) unwritten.add(id);
    },
    owes: () => unwritten.size > 0,
  };
}
