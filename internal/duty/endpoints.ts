// Endpoints: where each peer was when it last shook hands, as this node or its sibling has seen it. An endpoint alone can be
// forged by a replayed initiation; one with a newer handshake cannot.

import { readFileSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import type { Clock } from '#internal/clock/clock.ts';
import { endpointAddress } from '#internal/netip/netip.ts';

export interface Endpoint {
  /** As a dataplane has it: `p44w0 <public key>`. */
  readonly peerKey: string;
  /** `198.18.1.2:51820` or `[2001:db8::1]:51820`. */
  readonly endpoint: string;
  /** Unix time, milliseconds. */
  readonly handshakeMs: number;
  /** There and back, milliseconds; absent: not measured. */
  readonly rttMs?: number;
}

export interface Endpoints {
  /** Of the own access interfaces; gives those whose handshake is newer than what was known. O(peers). */
  seen(
    peers: Iterable<{ readonly peerKey: string; readonly endpoint?: string; readonly lastHandshakeMs: number }>,
  ): readonly Endpoint[];
  /** Round trips by endpoint, of these peers: gives those that are not what was known. O(peers). */
  measured(peers: Iterable<string>, trips: ReadonlyMap<string, number>): readonly Endpoint[];
  /** From the sibling. */
  told(endpoints: readonly Endpoint[]): void;
  /** The last active first: whoever speaks now must not wait for who is away. */
  byAge(): readonly Endpoint[];
}

/** Written at most so often; what a node that loses its power forgets is told again with the next handshakes. */
const writeEachMs = 5_000;

/** Who has not been heard of for so long is not where he was. */
const keptMs = 30 * 24 * 3_600_000;

/** As many as a device holds peers. */
const most = 65_536;
/** Let go of at once when there are more, the longest away first: sorting for each that comes would be O(all) a piece. */
const letGo = most / 8;

/** A satellite's 600 ms, twice and more: beyond, what came back was no answer, but what followed one that was lost. */
const longestTripMs = 1_500;
/** A change of less is the noise of the network. */
const tripStepMs = 10;

const isTrip = (value: unknown): boolean =>
  value === undefined || (Number.isFinite(value) && (value as number) >= 0 && (value as number) <= longestTripMs);

const isEndpoint = (value: unknown): value is Endpoint => {
  const entry = value as Partial<Record<keyof Endpoint, unknown>> | null;
  if (typeof entry?.peerKey !== 'string' || typeof entry.endpoint !== 'string') return false;
  return endpointAddress(entry.endpoint) !== undefined && Number.isFinite(entry.handshakeMs) && isTrip(entry.rttMs);
};

function entriesIn(file: string): readonly Endpoint[] {
  try {
    const entries: unknown = JSON.parse(readFileSync(file, 'utf8'));
    return Array.isArray(entries) ? entries.filter(isEndpoint) : [];
  } catch {
    // None yet, or torn: it is told again.
    return [];
  }
}

/** @param file for this node's eyes: addresses of people */
export function createEndpoints(
  file: string,
  clock: Clock,
  failed: (cause: unknown) => void,
  signal: AbortSignal,
): Endpoints {
  /** A time that has not come yet would stay the newest whatever comes: it is taken for now. */
  const notAhead = (entry: Endpoint): Endpoint => ({
    ...entry,
    handshakeMs: Math.min(entry.handshakeMs, clock.wall().getTime()),
  });
  const byAge = (): Endpoint[] => [...known.values()].sort((a, b) => b.handshakeMs - a.handshakeMs);
  const known = new Map(entriesIn(file).map((entry) => [entry.peerKey, notAhead(entry)]));
  let waiting = false;

  const write = async (): Promise<void> => {
    waiting = false;
    const oldest = clock.wall().getTime() - keptMs;
    for (const { peerKey, handshakeMs } of known.values()) if (handshakeMs < oldest) known.delete(peerKey);
    await writeFile(`${file}.new`, JSON.stringify([...known.values()]), { mode: 0o600 });
    await rename(`${file}.new`, file);
  };
  const writeLater = (): void => {
    if (waiting) return;
    waiting = true;
    clock
      .sleep(writeEachMs, signal)
      .then(write, () => undefined)
      .catch(failed);
  };
  const isNews = (entry: Endpoint): boolean => {
    const { handshakeMs, rttMs } = known.get(entry.peerKey) ?? { handshakeMs: 0 };
    if (handshakeMs !== entry.handshakeMs) return handshakeMs < entry.handshakeMs;
    return entry.rttMs !== undefined && entry.rttMs !== rttMs;
  };
  const take = (entry: Endpoint): boolean => {
    if (!isNews(entry)) return false;
    const before = known.get(entry.peerKey);
    // As far as it was, while it is where it was.
    const rttMs = entry.rttMs ?? (before?.endpoint === entry.endpoint ? before.rttMs : undefined);
    known.set(entry.peerKey, { ...entry, ...(rttMs !== undefined && { rttMs }) });
    if (known.size > most) for (const { peerKey } of byAge().slice(most - letGo)) known.delete(peerKey);
    writeLater();
    return true;
  };
  return {
    seen: (peers) => {
      const news: Endpoint[] = [];
      for (const { peerKey, endpoint, lastHandshakeMs: handshakeMs } of peers) {
        if (endpoint === undefined || handshakeMs === 0) continue;
        const entry = { peerKey, endpoint, handshakeMs };
        if (take(entry)) news.push(known.get(peerKey) ?? entry);
      }
      return news;
    },
    measured: (peers, trips) => {
      const news: Endpoint[] = [];
      for (const peerKey of peers) {
        const entry = known.get(peerKey);
        const sampleMs = entry && trips.get(entry.endpoint);
        if (entry === undefined || sampleMs === undefined || sampleMs > longestTripMs) continue;
        // One sample may have waited for a lost packet: it counts for twice what is known at most.
        const mostMs = 2 * Math.max(entry.rttMs ?? sampleMs, tripStepMs);
        const rttMs = Math.max(1, Math.round(Math.min(sampleMs, mostMs)));
        if (Math.abs(rttMs - (entry.rttMs ?? Number.NEGATIVE_INFINITY)) < tripStepMs) continue;
        const next = { ...entry, rttMs };
        if (take(next)) news.push(next);
      }
      return news;
    },
    told: (endpoints) => {
      for (const entry of endpoints) if (isEndpoint(entry)) take(notAhead(entry));
    },
    byAge,
  };
}
