// Duty node: a node of a pair whose BIRD, kernel and clock say what a test wants, for tests of its duty.

import { afterEach } from 'vitest';
import { type Clock, realClock } from '#internal/clock/clock.ts';
import type { Item, Pair, Route } from '#internal/dataplane/dataplane.ts';
import { createDuty, type DutyReport } from '#internal/duty/duty.ts';
import type { Want } from '#internal/seam/seam.ts';
import { eventually } from './eventually.ts';

const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };
export const pair: Pair = {
  ...{ link: 'p44w0', nodeId: 'p3', siblingId: 'p4', endpoints: ['44.27.0.3'], ports: [51_820] },
  ...{ heartbeat: '172.30.34.2', underlay: '198.18.4.2', ownHeartbeat: '172.30.34.1' },
};
export const link: Item = [
  'link',
  { name: 'p44w0', netns: 'pop', mtu: 1420, listenPort: 1, fwmark: 68, privateKeyFile: '/keys/access' },
];
export const want = (...put: readonly Item[]): Want => ({
  ...{ type: 'want', number: 1, revision: '1', whole: true },
  ...{ put, remove: [] },
});
export const home: Route = { netns: 'pop', table: 4401, prefix: '44.31.0.0/24', type: 'unicast', dev: 'p44w0' };
export const endpoint: Route = { netns: 'transport', table: 4397, prefix: '44.27.0.3/32', type: 'unreachable' };

const stop: AbortController[] = [];
afterEach(() => {
  for (const each of stop.splice(0)) each.abort();
});

/** A node whose BIRD says what the test wants; time passes as fast as it is slept. */
export async function node(start: { readonly role?: 'active'; readonly leased?: boolean } = {}) {
  let nowMs = 0;
  const clock: Clock = {
    ...realClock,
    monotonicMs: () => nowMs,
    sleep: async (ms, signal) => {
      signal?.throwIfAborted();
      await new Promise((resolve) => setImmediate(resolve));
      signal?.throwIfAborted();
      nowMs += ms * world.pace;
    },
  };
  const world = {
    ...{
      leased: start.leased ?? false,
      alive: true,
      told: true,
      behind: false,
      gateway: 'up' as 'up' | 'down' | 'unknown',
      path: 'Up',
      out: 'Up',
      sibling: [] as number[],
      moves: [] as number[],
      called: false,
      hindrance: '',
      /** Of time, against how it is slept: slower, what lasts for seconds is seen. */
      pace: 1,
      relays: true,
    },
    ...{ bird: 'answers' as 'answers' | 'refuses' | 'silent', looks: 0, looked: async () => undefined as unknown },
    regated: async () => undefined as unknown,
  };
  const answers = async <T>(answer: () => T): Promise<T> => {
    if (world.bird === 'refuses') throw new Error('nobody answers');
    if (world.bird === 'silent') return new Promise(() => undefined);
    return answer();
  };
  const done: string[] = [];
  const states: string[] = [];
  const reports: DutyReport[] = [];
  const note = (what: string) => async () => {
    done.push(what);
  };
  const holder = await createDuty({
    bird: {
      bfdSessions: async () => {
        world.looks += 1;
        await world.looked();
        return answers(() => [
          { address: pair.heartbeat, state: world.path },
          { address: pair.underlay, state: world.path },
          { address: '198.18.3.1', state: world.out },
        ]);
      },
      protocols: () =>
        answers(() => [
          { name: 'p44u_up_4', type: 'BGP', info: world.out === 'Up' ? 'Established' : 'Active' },
          { name: 'p44s_heartbeat', type: 'BGP', info: world.path === 'Up' ? 'Established' : 'Active' },
        ]),
      medsIn: () =>
        answers(() => [
          ...world.sibling.map((med) => ['192.0.0.8/32', med] as const),
          ...world.moves.map((med) => ['192.0.0.170/32', med] as const),
        ]),
    },
    alive: () => world.alive,
    neighbour: async () => world.gateway,
    clockBehind: () => world.behind,
    lease: {
      begin: async () => {
        world.leased = true;
        done.push('lease begins');
      },
      end: async () => {
        world.leased = false;
        done.push('lease ends');
      },
      stands: async () => world.leased,
    },
    applier: () => ({ regate: () => world.regated().then(note('routes')), forgetSessions: note('sessions forgotten') }),
    states: {
      prepare: async () => void states.push('made ready'),
      lead: async () => void states.push('put in'),
      follow: async () => void states.push('asked for'),
      stands: () => world.told,
    },
    calls: {
      gather: () => done.push('gathers'),
      begin: () => done.push('calls'),
      end: () => done.push('no calls'),
      called: () => world.called,
      hindrance: () => world.hindrance,
    },
    relay: {
      open: async (_, mode) => {
        if (!world.relays) throw new Error('no VXLAN');
        done.push(mode);
      },
      lead: async () => done.push('by the sibling') > 0,
      part: note('own way'),
      close: note('relay closed'),
    },
    memory: { read: () => ({ role: start.role ?? 'waiting', epoch: 4 }), keep: () => undefined },
    clock,
    log: { ...quiet, error: (event) => done.push(event) },
    changed: (report) => reports.push(report),
  });
  const abort = new AbortController();
  stop.push(abort);
  void holder.run(abort.signal);
  const becomes = (role: string) => eventually(() => holder.report().role === role, 5_000);
  return { holder, world, done, states, reports, becomes };
}
export const paired: Item = ['pair', pair];
