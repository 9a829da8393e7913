// Handshakes: which peers have shaken hands since the last look. Looks often only when the interface has moved: a full
// read costs 35 ms of CPU at 10,000 peers (measured), one line of /proc/net/dev nothing.

import { readFileSync } from 'node:fs';
import type { Clock } from '#internal/clock/clock.ts';
import type { Nudge } from './nudge.ts';

export { createNudge } from './nudge.ts';

export interface Shaken {
  /** Its access interface and public key, as a dataplane has it: `p44w0 <key>`. */
  readonly peer: string;
  readonly lastHandshakeMs: number;
  readonly endpoint?: string;
}

export interface HandshakeParts {
  /** Time of the last handshake (Unix, milliseconds; 0: none) of every peer. */
  readonly peers: () => Promise<Iterable<Shaken>>;
  /** Packets received so far by the interface; undefined when that cannot be told. */
  readonly received: () => number | undefined;
  /** Endpoints of peers whose handshake is newer than at the last look: one alone can be forged by a replay. */
  readonly confirmed: (endpoints: readonly string[]) => void;
  /** Kept up to date: who comes later can be told what was told before. */
  readonly known: Map<string, number>;
  /** A look failed; there will be another. Told once for each row of failures. */
  readonly failed: (cause: unknown) => void;
  /** A peer is waited for whose first handshake moves addresses. */
  readonly hurried: () => boolean;
  /** One has shaken hands who is waited for. */
  readonly nudge: Nudge;
  readonly clock: Clock;
}

/** A move between PoPs is noticed this fast at most. */
const fastestMs = 500;
/** Keepalives do not reach the interface: whoever sends nothing else is seen by this look. 0.35 % of a core at 10,000 peers. */
const longestUnseenMs = 10_000;
/**
 * Milliseconds of CPU that a look costs for each peer (35 ms at 10,000, measured), and the share of one core that looking may cost.
 * Not by how long it took: on a busy machine a look of a second is no dearer, and a pause of 50 would be as good as blindness.
 */
const costMs = 0.0035;
const costFactor = 50;
/** 230 ms each 5.2 s, at the 65,536 peers that a device holds. */
const slowestMs = 5_000;
/** The same while somebody is waited for: what it sends until it is seen is lost, and may be so for 0.5 s at most [T6]. */
const hurriedMs = 100;
const hurriedCostFactor = 5;
/** However many there are: 35 ms of CPU each 285 ms, at 10,000 peers. */
const slowestHurriedMs = 250;

/** A nudge is worth half of a core. */
const nudgedCostFactor = 2;

/** Calls back with peers whose handshake is newer than at the last look, until the signal is aborted. */
export async function watchHandshakes(
  { peers, received, confirmed, known, failed, hurried, nudge, clock }: HandshakeParts,
  tell: (changed: readonly (readonly [string, number])[]) => void,
  signal: AbortSignal,
): Promise<void> {
  let blind = false;
  let lastReceived: number | undefined;
  let lookedMs = clock.monotonicMs();
  let pauseMs = fastestMs;
  let costLastMs = 0;

  const nudgedWithin = (ms: number): Promise<boolean> =>
    new Promise((over) => {
      const forget = nudge.next(() => over(true));
      const slept = (): void => {
        forget();
        over(false);
      };
      clock.sleep(ms, signal).then(slept, slept);
    });

  while (!signal.aborted) {
    let nudged = false;
    // In parts: a long pause must not hold up who begins to be waited for.
    for (let leftMs = pauseMs; leftMs > 0 && !signal.aborted && !nudged; leftMs -= fastestMs) {
      if (leftMs < pauseMs && hurried()) break;
      nudged = await nudgedWithin(Math.min(leftMs, fastestMs));
    }
    // Many are seen by one look.
    const restMs = nudged ? lookedMs + nudgedCostFactor * costLastMs - clock.monotonicMs() : 0;
    if (restMs > 0) await clock.sleep(restMs, signal).catch(() => undefined);
    if (signal.aborted) return;
    const now = received();
    // What a peer without AllowedIPs sends never reaches the interface, nor its counters.
    const hurry = hurried();
    const began = clock.monotonicMs();
    const moved = now === undefined || now !== lastReceived;
    if (!hurry && !moved && !nudged && began - lookedMs < longestUnseenMs) continue;
    lastReceived = now;
    lookedMs = began;
    const there = new Map<string, number>();
    let looked = 0;
    const endpoints: string[] = [];
    try {
      for (const { peer, lastHandshakeMs, endpoint } of await peers()) {
        looked += 1;
        if (lastHandshakeMs === 0) continue;
        there.set(peer, lastHandshakeMs);
        if (endpoint !== undefined && lastHandshakeMs > (known.get(peer) ?? 0)) endpoints.push(endpoint);
      }
      blind = false;
    } catch (cause) {
      if (!blind) failed(cause);
      blind = true;
      lastReceived = undefined;
      continue;
    }
    const changed = [...there].filter(([peer, at]) => at > (known.get(peer) ?? 0));
    for (const peer of known.keys()) if (!there.has(peer)) known.delete(peer);
    for (const [peer, at] of there) known.set(peer, at);
    costLastMs = looked * costMs;
    pauseMs = hurry
      ? Math.min(slowestHurriedMs, Math.max(hurriedMs, costLastMs * hurriedCostFactor))
      : Math.min(slowestMs, Math.max(fastestMs, costLastMs * costFactor));
    if (changed.length > 0) tell(changed);
    if (endpoints.length > 0) confirmed(endpoints);
  }
}

/**
 * Packets received by interfaces, together, in the network namespace of the process whose pid stands in `pidFile`. At once: twice a
 * second four ways through Node's threads and back, and neither file is ever waited for.
 */
export function packetsReceived(pidFile: string, links: readonly string[]): number | undefined {
  try {
    const pid = Number.parseInt(readFileSync(pidFile, 'utf8'), 10);
    const text = readFileSync(`/proc/${pid}/net/dev`, 'utf8');
    const lines = text.split('\n').filter((each) => links.some((link) => each.trimStart().startsWith(`${link}:`)));
    // proc(5): bytes, then packets, after the colon.
    const packets = lines.map((line) => Number(line.split(':')[1]?.trim().split(/\s+/)[1]));
    return packets.length === 0 ? undefined : packets.reduce((sum, each) => sum + each);
  } catch {
    return undefined;
  }
}
