// Facts: what the machine of roles (internal/takeover) is told, read from BIRD and the kernel.

import type { Clock } from '#internal/clock/clock.ts';
import type { Pair } from '#internal/dataplane/dataplane.ts';
import { dutyMarkers, epochMetric, siblingSession } from '#internal/dataplane/ownership.ts';
import type { Facts, Path } from '#internal/takeover/takeover.ts';

export interface Session {
  readonly address: string;
  readonly state: string;
}
export interface Protocol {
  readonly name: string;
  readonly type: string;
  readonly info: string;
}

/** BIRD of the transport namespace. */
export interface Bird {
  bfdSessions(): Promise<readonly Session[]>;
  protocols(): Promise<readonly Protocol[]>;
  medsOf(table: string, prefix: string): Promise<readonly number[]>;
}

export interface FactSources {
  readonly bird: Bird;
  /** Whether the kernel lets this node speak. A process: asked when there is a reason. */
  readonly leased: () => Promise<boolean>;
  /** What stands behind an interface lives. */
  readonly alive: (link: string) => boolean;
  readonly clock: Clock;
}

/** Each 4th look: a session that comes up is no hurry, and one that goes is told by BFD. */
const protocolsEach = 4;
/** BFD's own time: who was not looked after for longer may have stood still as a whole. */
const gapMs = 200;
const leaseEachMs = 5_000;

const pathTo = (sessions: readonly Session[], address: string): Path => {
  const state = sessions.find((session) => session.address === address)?.state;
  if (state === undefined) return 'unknown';
  return state === 'Up' ? 'up' : 'down';
};

const established = ({ type, info }: Protocol): boolean => type === 'BGP' && info.startsWith('Established');
const isSibling = ({ name }: Protocol): boolean => name.startsWith(siblingSession);

/** What BIRD does not answer is not known, which moves nothing by itself. */
const orNothing = <T>(asked: Promise<readonly T[]>): Promise<readonly T[]> => asked.catch(() => []);

export interface FactReader {
  read(pair: Pair, active: boolean): Promise<Facts>;
}

export function createFactReader({ bird, leased, alive, clock }: FactSources): FactReader {
  let protocols: readonly Protocol[] = [];
  let looks = 0;
  let lastMs = clock.monotonicMs();
  let leaseMs = 0;

  /** Undefined: there was no reason to ask. */
  async function lease(active: boolean, nowMs: number): Promise<boolean | undefined> {
    const due = nowMs - lastMs > gapMs || nowMs - leaseMs > leaseEachMs;
    if (!active || !due) return undefined;
    leaseMs = nowMs;
    return leased();
  }

  return {
    read: async (pair, active) => {
      // First, and from before anything is awaited: who stood still learns it before he does anything.
      const standing = await lease(active, clock.monotonicMs());
      lastMs = clock.monotonicMs();
      const family = pair.heartbeat.includes(':') ? 6 : 4;
      const otherFamily = pair.underlay.includes(':') ? 6 : 4;
      const markersOf = (of: 4 | 6) => orNothing(bird.medsOf(`p44duty${of}`, dutyMarkers[of]));
      const [sessions, near, far] = await Promise.all([
        orNothing(bird.bfdSessions()),
        markersOf(family),
        family === otherFamily ? [] : markersOf(otherFamily),
      ]);
      if (looks % protocolsEach === 0) protocols = await orNothing(bird.protocols());
      looks += 1;
      const upstreams = protocols.filter((protocol) => protocol.type === 'BGP' && !isSibling(protocol));
      // In the same answer as the ways to the sibling: who hears nobody must not take one of them for dead.
      const watched = sessions.filter(({ address }) => address !== pair.heartbeat && address !== pair.underlay);
      const out = watched.length === 0 || watched.some(({ state }) => state === 'Up');
      const epochs = [...near, ...far].map((med) => med - epochMetric).filter((epoch) => epoch > 0);
      return {
        nowMs: clock.monotonicMs(),
        heartbeat: pathTo(sessions, pair.heartbeat),
        underlay: pathTo(sessions, pair.underlay),
        reached: protocols.some((protocol) => isSibling(protocol) && established(protocol)),
        ...(epochs.length > 0 && { siblingEpoch: Math.max(...epochs) }),
        upstream: out && (upstreams.length === 0 || upstreams.some(established)),
        alive: alive(pair.link),
        ...(standing !== undefined && { leased: standing }),
      };
    },
  };
}
