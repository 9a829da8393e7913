// Live: which tunnels have a session on this node now, and the number of the class that each has meanwhile.
//
// Being here lasts until the tunnel moves to another node; a session ends by itself. Classes are for sessions: a
// shaper with a class for everybody who was ever here would be thousands, and adding one costs more the more there are.
// Those of the sibling have theirs here too: when it dies, all come at once, and nobody is to share what those share who wait.

import { Map as ImmutableMap } from 'immutable';
import { accessLinks } from '#internal/dataplane/ownership.ts';
import { classNumber } from './class-number.ts';
import type { Held, Sighting } from './presence.ts';

/**
 * REJECT_AFTER_TIME of WireGuard (paper, 6.1), after which a session is dead unless it was renewed, and the time that it
 * may take until a renewal is heard of (applier/handshakes.ts: 5 s at 65,536 peers).
 */
const sessionMs = 180_000 + 10_000;

/** Of what is held, whatever else is known. */
type HeldOnes = Pick<Held, 'has'> & Partial<Held>;

/** A value: who holds one sees no later change. */
export interface LiveTunnels extends HeldOnes {
  /** Undefined: no session, or no class is left. */
  classOf(tunnelId: string): number | undefined;
  /** Access interface of its newest handshake, session or not. Undefined: it is not here. */
  linkOf(tunnelId: string): string | undefined;
}

export interface Live {
  /** As presence tells it: who is here, and who has come or gone. */
  here(here: HeldOnes, moved: readonly string[]): void;
  /** Handshakes of the own access interface; told by the next call of `here` or `settle`. */
  shook(sightings: readonly Sighting[], nowMs: number): void;
  /** Handshakes with the sibling, told as those are. */
  expect(sightings: readonly Sighting[], nowMs: number): void;
  /** Ends sessions that are over, and tells what changed since. O(changes). */
  settle(nowMs: number): void;
  /** How many have a session here. */
  sessions(): number;
}

/** `onChange` hears of tunnels that came, went, or got or lost a class. */
export function createLive(onChange: (live: LiveTunnels, changed: readonly string[]) => void): Live {
  let here: HeldOnes = new Set();
  let classes = ImmutableMap<string, number>();
  /** Those on the first access interface, where most are for ever, need no memory. */
  let links = ImmutableMap<string, string>();
  const taken = new Set<number>();
  /** Newest handshake by tunnel, oldest first but for clocks that were set: every renewal goes to the end. */
  const sessions = new Map<string, number>();
  /** Those whose newest handshake is the sibling's. */
  const expected = new Set<string>();
  let changed = new Set<string>();

  function end(tunnelId: string): void {
    sessions.delete(tunnelId);
    expected.delete(tunnelId);
    const number = classes.get(tunnelId);
    if (number === undefined) return;
    taken.delete(number);
    classes = classes.delete(tunnelId);
    changed.add(tunnelId);
  }

  function follow({ tunnelId, handshakeMs, link }: Sighting): void {
    // What the sibling has told says nothing of the own interfaces.
    const newestMs = expected.has(tunnelId) ? 0 : (sessions.get(tunnelId) ?? 0);
    if (link === undefined || handshakeMs < newestMs) return;
    const known = links.get(tunnelId) ?? accessLinks[0];
    if (known === link) return;
    links = link === accessLinks[0] ? links.delete(tunnelId) : links.set(tunnelId, link);
    changed.add(tunnelId);
  }

  function renew({ tunnelId, handshakeMs }: Sighting): void {
    const before = sessions.get(tunnelId) ?? 0;
    sessions.delete(tunnelId);
    sessions.set(tunnelId, Math.max(before, handshakeMs));
    if (classes.has(tunnelId)) return;
    const number = classNumber(tunnelId, taken);
    if (number === undefined) return;
    taken.add(number);
    classes = classes.set(tunnelId, number);
    changed.add(tunnelId);
  }

  function tell(): void {
    if (changed.size === 0) return;
    const told = [...changed];
    changed = new Set();
    const [nowHere, nowClasses, nowLinks] = [here, classes, links];
    const linkOf = (id: string): string | undefined =>
      nowHere.has(id) ? (nowLinks.get(id) ?? accessLinks[0]) : undefined;
    const held = {
      has: (id: string) => nowHere.has(id),
      sequenceOf: (id: string) => nowHere.sequenceOf?.(id),
      contended: (id: string) => nowHere.contended?.(id) ?? false,
    };
    onChange({ ...held, classOf: (id) => nowClasses.get(id), linkOf }, told);
  }

  return {
    sessions: () => sessions.size - expected.size,
    here: (next, moved) => {
      here = next;
      for (const tunnelId of moved) {
        changed.add(tunnelId);
        if (!here.has(tunnelId) && !expected.has(tunnelId)) end(tunnelId);
      }
      tell();
    },
    shook: (sightings, nowMs) => {
      // A privileged half that is met again tells all it knows, in any order and of any age.
      for (const sighting of sightings.toSorted((a, b) => a.handshakeMs - b.handshakeMs)) {
        const { tunnelId, handshakeMs } = sighting;
        // Where it was does not end with its session.
        follow(sighting);
        if (nowMs - handshakeMs >= sessionMs) continue;
        if (handshakeMs >= (sessions.get(tunnelId) ?? 0)) expected.delete(tunnelId);
        renew(sighting);
      }
    },
    expect: (sightings, nowMs) => {
      for (const sighting of sightings.toSorted((a, b) => a.handshakeMs - b.handshakeMs)) {
        const { tunnelId, handshakeMs } = sighting;
        if (nowMs - handshakeMs >= sessionMs || handshakeMs <= (sessions.get(tunnelId) ?? 0)) continue;
        expected.add(tunnelId);
        renew(sighting);
      }
    },
    settle: (nowMs) => {
      for (const [tunnelId, handshakeMs] of sessions) {
        if (nowMs - handshakeMs < sessionMs) break;
        end(tunnelId);
      }
      tell();
    },
  };
}
