// Moves: stations that go from one PoP to another. Each shakes hands where it is and sends there, and nowhere else.

import type { Client } from '#internal/client/client.ts';
import type { Clock } from '#internal/clock/clock.ts';
import { randomFrom } from '#internal/testkit/random.ts';
import { publicKey } from '#internal/testkit/requests.ts';
import { pick } from './choice.ts';
import type { Half } from './halves.ts';
import type { HistoryRecorder } from './history.ts';
import type { Part } from './part.ts';

export interface MovesOptions {
  readonly daemons: ReadonlyMap<string, Client>;
  readonly halves: ReadonlyMap<string, Half>;
  readonly clock: Clock;
  readonly history: HistoryRecorder;
  readonly seed: number;
  /** Default 30. */
  readonly stations?: number;
}

interface Station {
  readonly tunnel: string;
  readonly key: string;
  at: string;
  /** On the monotonic clock, and when it last shook hands. */
  readonly movedMs: number[];
  shookMs: number;
}

const usualStations = 30;
/** presence/freeze.ts: a fifth move within 180 s would be one key on two devices, and stop there. Faults make moves of their own. */
const mostMoves = 2;
const withinMs = 180_000;
const everyMs = 400;
/** REKEY_AFTER_TIME (WireGuard paper, 6.1) of a station that speaks. */
const rekeyMs = 120_000;
/** Of one that seems to be on two devices 55 s of silence are waited for (presence/contest.ts). */
const settledWithinMs = 75_000;

/** Their tunnels are made before the run, so that only presence is on trial. */
export async function openMoves(options: MovesOptions): Promise<Part> {
  const { daemons, halves, clock, history, seed } = options;
  const random = randomFrom(seed * 1_000 + 400);
  const nodes = [...halves.keys()];
  const [first] = daemons.values();
  if (first === undefined) throw new RangeError('no daemon to make tunnels at');
  const stations: Station[] = [];
  for (let at = 0; at < (options.stations ?? usualStations); at += 1) {
    const key = publicKey();
    const { tunnel } = await first.tunnels.createTunnel({ name: `station-${at}`, owner: 'stations', publicKey: key });
    stations.push({ tunnel: tunnel?.id ?? '', key, at: '', movedMs: [], shookMs: 0 });
  }

  /** Where it is. What a daemon has forgotten of it, or never heard, it hears with the next one. */
  function shake(station: Station): void {
    halves.get(station.at)?.shook(station.key, clock.wall().getTime());
    station.shookMs = clock.monotonicMs();
  }

  function visit(station: Station, node: string): void {
    halves.get(station.at)?.speaks(station.key, false);
    halves.get(node)?.speaks(station.key, true);
    station.at = node;
    shake(station);
    station.movedMs.push(clock.monotonicMs());
    history.visits.push({ tunnel: station.tunnel, node, atNs: Math.round(clock.monotonicMs() * 1e6) });
  }

  return {
    async run(signal) {
      while (!signal.aborted) {
        await clock.sleep(everyMs * (0.5 + random()), signal).catch(() => undefined);
        for (const each of stations)
          if (each.at !== '' && each.shookMs < clock.monotonicMs() - rekeyMs && !signal.aborted) shake(each);
        const since = clock.monotonicMs() - withinMs;
        const free = stations.filter(({ movedMs }) => movedMs.filter((ms) => ms > since).length < mostMoves);
        const station = pick(free, random);
        const node = pick(
          nodes.filter((id) => id !== station?.at),
          random,
        );
        if (station !== undefined && node !== undefined && !signal.aborted) visit(station, node);
      }
    },
    async finish(within) {
      const deadline = clock.monotonicMs() + Math.max(within, settledWithinMs);
      // The next rekey of each, which is up to two minutes away: the faults are over.
      for (const each of stations) if (each.at !== '') shake(each);
      for (const [node, client] of daemons)
        for (const { tunnel, at } of stations) {
          if (at === '') continue;
          for (;;) {
            const told = await client.tunnels.getTunnel({ tunnel }, { deadlineMs: 2_000 }).catch(() => undefined);
            const holder = told?.tunnel?.heldByNodeId;
            if (holder === at || clock.monotonicMs() > deadline) {
              history.sights.push({ node, tunnel, holder: holder ?? '' });
              break;
            }
            await clock.sleep(100);
          }
        }
    },
    close: () => {},
  };
}
