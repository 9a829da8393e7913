// Facts: what the machine of roles (internal/takeover) is told, read from BIRD and the kernel.

import type { Clock } from '#internal/clock/clock.ts';
import type { Pair } from '#internal/dataplane/dataplane.ts';
import { dutyMarkers, epochMetric, moveMarkers, siblingSession } from '#internal/dataplane/ownership.ts';
import { type Facts, leads, type Path, type Role, speaks } from '#internal/takeover/takeover.ts';

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
  /** Of routes that others have told. */
  medsIn(table: string): Promise<readonly (readonly [prefix: string, med: number])[]>;
}

export interface FactSources {
  readonly bird: Bird;
  /** Whether the kernel lets this node speak. A process: asked when there is a reason. */
  readonly leased: () => Promise<boolean>;
  /** What stands behind an interface lives. */
  readonly alive: (link: string) => boolean;
  /** The way out of an endpoint on a LAN stands, as far as it is known. */
  readonly reachable: (pair: Pair) => boolean;
  /** The own clock is behind the network's. */
  readonly clockBehind: () => boolean;
  readonly clock: Clock;
}

/** Each 4th look: a session that comes up is no hurry, and one that goes is told by BFD. */
const protocolsEach = 4;
/** As long as BFD waits for a sibling: who has not answered by then (0.3 ms on an idle machine) is not known. */
const answerMs = 300;
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

/** What BIRD has told in one look. */
interface Told {
  readonly sessions: readonly Session[];
  /** Of a sibling that says that it is active. */
  readonly epochs: readonly number[];
  /** And that goes along with a move. */
  readonly moves: readonly number[];
}

export interface FactReader {
  read(pair: Pair, role: Role): Promise<Facts>;
}

export function createFactReader({ bird, leased, alive, reachable, clockBehind, clock }: FactSources): FactReader {
  let protocols: readonly Protocol[] = [];
  let looks = 0;
  let lastMs = clock.monotonicMs();
  let leaseMs = 0;

  /** Undefined: there was no reason to ask. */
  async function lease(role: Role, nowMs: number): Promise<boolean | undefined> {
    const due = nowMs - lastMs > gapMs || nowMs - leaseMs > leaseEachMs;
    if (!speaks(role) || !due) return undefined;
    leaseMs = nowMs;
    return leased();
  }

  async function ask(pair: Pair, role: Role): Promise<Told> {
    const family = pair.heartbeat.includes(':') ? 6 : 4;
    const otherFamily = pair.underlay.includes(':') ? 6 : 4;
    const markersIn = (of: 4 | 6) => bird.medsIn(`p44duty${of}`);
    const [sessions, near, far] = await Promise.all([
      bird.bfdSessions(),
      markersIn(family),
      family === otherFamily ? [] : markersIn(otherFamily),
    ]);
    const told = (markers: typeof dutyMarkers | typeof moveMarkers): readonly number[] =>
      [...near, ...far]
        .flatMap(([prefix, med]) => (prefix === markers[4] || prefix === markers[6] ? [med - epochMetric] : []))
        .filter((epoch) => epoch > 0);
    const epochs = told(dutyMarkers);
    // A sibling that says nothing has stepped down if its session stands now, not if it stood some looks ago.
    const decides = !leads(role) && epochs.length === 0;
    if (decides || looks % protocolsEach === 0) protocols = await bird.protocols();
    looks += 1;
    return { sessions, epochs, moves: told(moveMarkers) };
  }

  /** Undefined: a question is unanswered. "Not known" must not look like "nothing there", which a standby acts on. */
  function answered(asked: Promise<Told>): Promise<Told | undefined> {
    const enough = new AbortController();
    const late = clock.sleep(answerMs, enough.signal).then(
      () => undefined,
      () => undefined,
    );
    return Promise.race([asked.catch(() => undefined), late]).finally(() => enough.abort());
  }

  return {
    read: async (pair, role) => {
      // First, and from before anything is awaited: who stood still learns it before he does anything.
      const standing = await lease(role, clock.monotonicMs());
      lastMs = clock.monotonicMs();
      const told = await answered(ask(pair, role));
      const { sessions, epochs, moves } = told ?? { sessions: [], epochs: [], moves: [] };
      const upstreams = protocols.filter((protocol) => protocol.type === 'BGP' && !isSibling(protocol));
      // In the same answer as the ways to the sibling: who hears nobody must not take one of them for dead.
      const watched = sessions.filter(({ address }) => address !== pair.heartbeat && address !== pair.underlay);
      const out = watched.length === 0 || watched.some(({ state }) => state === 'Up');
      return {
        nowMs: clock.monotonicMs(),
        heartbeat: pathTo(sessions, pair.heartbeat),
        underlay: pathTo(sessions, pair.underlay),
        reached: told !== undefined && protocols.some((protocol) => isSibling(protocol) && established(protocol)),
        ...(epochs.length > 0 && { siblingEpoch: Math.max(...epochs) }),
        ...(moves.length > 0 && { siblingMove: Math.max(...moves) }),
        upstream: out && reachable(pair) && (upstreams.length === 0 || upstreams.some(established)),
        alive: alive(pair.link),
        clockBehind: clockBehind(),
        ...(standing !== undefined && { leased: standing }),
      };
    },
  };
}
