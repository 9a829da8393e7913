// Driver bird: one BIRD a namespace, by its configuration file and its control socket.
//
// A change is checked, loaded with a way back of 10 s, looked at, then confirmed or undone: the old configuration runs on.
// What was undone is not tried again until it changes, or until nothing is lost by it (trials.ts).
// Plain `configure`, never `configure soft`: soft does not export again after a filter's change (measured).
// BIRD outlives us and is adopted by its socket. Never: writes a route or a filter; the text comes whole from desired.

import type { Clock } from '#internal/clock/clock.ts';
import type { BgpCounts, Bird, Netns } from '#internal/dataplane/dataplane.ts';
import type { Driver } from '#internal/driver/driver.ts';
import type { Log } from '#internal/log/log.ts';
import { nodeOpener } from '#internal/sealing/sealing.ts';
import { applySteps, type Kept } from './apply.ts';
import { parseBgpCounts } from './counts.ts';
import { createDaemon, type Daemon } from './daemon.ts';
import { type Pace, usualPace } from './judge.ts';
import { observeDaemon } from './observe.ts';
import { type BfdSession, type Med, type Protocol, parseBfdSessions, parseMeds, parseProtocols } from './parse.ts';
import { reachedBy, standingAmong } from './standing.ts';
import { createTrials } from './trials.ts';
import { createUrgent } from './urgent.ts';

export type { BfdSession, Protocol } from './parse.ts';

export interface BirdOptions {
  /** Files of the two namespaces. */
  readonly netns: Readonly<Record<Netns, string>>;
  /** Has `<netns>.bird.conf`, `.ctl`, `.pid`, `.log` and what is known of the texts (render.ts). */
  readonly runDir: string;
  /** Identities that open passwords of sessions; absent: none can be opened. */
  readonly sealingKeyFile?: string;
  readonly pace?: Pace;
  readonly clock: Clock;
  readonly log: Log;
}

export interface BirdDriver extends Driver<'bird'> {
  /** Empty when BIRD does not run there. 0.3 ms. */
  protocols(netns: Netns): Promise<readonly Protocol[]>;
  /** Names of BGP sessions that are established, of adjacencies of OSPF that are full, and of prefixes that it leads to. 0.5 ms. */
  standing(netns: Netns): Promise<readonly string[]>;
  /** Empty when BIRD or its BFD does not run there. 0.15 ms: may be asked each 10 ms. */
  bfdSessions(netns: Netns): Promise<readonly BfdSession[]>;
  /** MEDs of routes that BGP has brought into a table of BIRD's, of few routes. 0.2 ms. */
  medsIn(netns: Netns, table: string): Promise<readonly Med[]>;
  /** Of the BGP sessions that are up; empty when BIRD does not run there. 1.4 ms, however many routes: BIRD counts as they come. */
  bgpCounts(netns: Netns): Promise<readonly BgpCounts[]>;
  /** Where the text that is wanted was undone and is not tried again. */
  undone(): readonly Netns[];
}

export function openBird({ netns, runDir, sealingKeyFile, pace = usualPace, clock, log }: BirdOptions): BirdDriver {
  const listeners: ((reason: string) => void)[] = [];
  const disturb = (reason: string): void => {
    for (const listener of listeners) listener(reason);
  };
  const open = (name: Netns) => createDaemon({ netns: name, path: netns[name], runDir, clock, log, disturb });
  const opener = nodeOpener(sealingKeyFile);
  const daemons = { transport: open('transport'), pop: open('pop') };
  const withTrials = (daemon: Daemon): Kept => ({
    daemon,
    trials: createTrials({ daemon, pace, clock, log, settled: disturb }),
  });
  const urgent = Object.values(daemons).map((daemon) =>
    createUrgent({ netns: daemon.netns, pidFile: daemon.files.pid, log }),
  );
  const hurry = (): Promise<unknown> => Promise.all(urgent.map((each) => each.hurry()));
  const birds = { transport: withTrials(daemons.transport), pop: withTrials(daemons.pop) };
  const protocolsOf = async (name: Netns): Promise<readonly Protocol[]> =>
    parseProtocols((await daemons[name].ask('show protocols'))?.lines ?? []);
  return {
    kinds: ['bird'],
    async observe() {
      const found = await Promise.all(Object.values(daemons).map(observeDaemon));
      // Of one that was adopted too.
      await hurry();
      return { bird: new Map<string, Bird>(found.flat().map((bird) => [bird.netns, bird])) };
    },
    async apply(steps) {
      const failures = await applySteps(birds, opener, steps);
      await hurry();
      return failures;
    },
    onDisturbance: (listener) => listeners.push(listener),
    protocols: protocolsOf,
    standing: async (name) => {
      const [daemon, protocols] = [daemons[name], await protocolsOf(name)];
      return [...(await standingAmong(daemon, protocols)), ...(await reachedBy(daemon, protocols))];
    },
    bfdSessions: async (name) => parseBfdSessions((await daemons[name].ask('show bfd sessions'))?.lines ?? []),
    medsIn: async (name, table) => parseMeds((await daemons[name].ask(`show route table ${table} all`))?.lines ?? []),
    bgpCounts: async (name) => parseBgpCounts((await daemons[name].ask('show protocols all'))?.lines ?? []),
    undone: () => (['pop', 'transport'] as const).filter((name) => birds[name].trials.isUndone()),
    async close() {
      for (const { daemon, trials } of Object.values(birds)) {
        await trials.leave();
        daemon.close();
      }
    },
  };
}
