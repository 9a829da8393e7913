// Links: which interconnects are up, as BFD has it, and how often each was lost since this half began.

import type { Clock } from '#internal/clock/clock.ts';
import { isFabricLink } from '#internal/dataplane/ownership.ts';

export interface BfdState {
  readonly address: string;
  readonly dev: string;
  /** `Up`, `Down`, `Init`, `AdminDown`. */
  readonly state: string;
}

/** Link, whether it is up, times that it was lost. */
export type LinkState = readonly [link: string, up: boolean, downs: number];

export interface LinkParts {
  /** BFD sessions of the pop namespace; none when BIRD is away. */
  readonly sessions: () => Promise<readonly BfdState[]>;
  /** Every link that was ever up, when one of them changed. */
  readonly tell: (links: readonly LinkState[]) => void;
  /** Somebody is served sooner for knowing sooner. */
  readonly hurry: () => boolean;
  /** A look failed; there will be another. Told once for each row of failures. */
  readonly failed: (cause: unknown) => void;
  readonly clock: Clock;
}

export interface LinkWatch {
  /** For a network half that has just come. */
  all(): readonly LinkState[];
  /** Ends by its signal. */
  run(signal: AbortSignal): Promise<void>;
}

/**
 * A session that was lost is back in a second at the earliest: until then both sides speak no faster than once in one (RFC
 * 5880 6.8.3). A look costs 0.15 ms.
 */
const lookEachMs = 250;
/** A sixth of what BFD waits. 0.3 % of a processor. */
const hurriedEachMs = 50;

export function createLinkWatch({ sessions, tell, hurry, failed, clock }: LinkParts): LinkWatch {
  const links = new Map<string, LinkState>();

  /** A link is up while one of its families' sessions is: the other one's routes are BIRD's to take away. */
  function looked(found: readonly BfdState[]): boolean {
    const up = new Set(found.filter(({ dev, state }) => isFabricLink(dev) && state === 'Up').map(({ dev }) => dev));
    let changed = false;
    for (const link of new Set([...links.keys(), ...up])) {
      const before = links.get(link);
      if (before?.[1] === up.has(link)) continue;
      changed = true;
      links.set(link, [link, up.has(link), (before?.[2] ?? 0) + (up.has(link) ? 0 : 1)]);
    }
    return changed;
  }

  return {
    all: () => [...links.values()],
    async run(signal) {
      let blind = false;
      while (!signal.aborted) {
        try {
          if (looked(await sessions())) tell([...links.values()]);
          blind = false;
        } catch (cause) {
          if (!blind) failed(cause);
          blind = true;
        }
        await clock.sleep(hurry() ? hurriedEachMs : lookEachMs, signal).catch(() => undefined);
      }
    },
  };
}
