// Applier: the loop of the privileged half. It holds the want, observes, plans, applies, and compares in full.
//
// On the path: wants come in through the seam, drivers carry out the steps, what was reached goes back.
// Never: speaks to the network, or touches anything before it knows what is wanted of it.

import { emptyDataplane, itemKey, type Kind, kinds, type MutableDataplane } from '#internal/dataplane/dataplane.ts';
import { isAccessLink } from '#internal/dataplane/ownership.ts';
import { messageOf } from '#internal/errors/errors.ts';
import { type Keys, plan, printStep, reach } from '#internal/plan/plan.ts';
import type { Step } from '#internal/plan/step.ts';
import type { Health, Want } from '#internal/seam/seam.ts';
import type { AnyDriver, Applier, ApplierParts } from './face.ts';
import { forgetSteps } from './forget.ts';
import { createGated, openGates } from './gate.ts';
import { givenUp } from './given-up.ts';
import { shared } from './shared.ts';
import { createSuccession } from './succession.ts';
import { usage } from './usage.ts';

export type { AnyDriver, Applier } from './face.ts';
export type { Gate, Gates } from './gate.ts';
export { watchCounters } from './counters.ts';
export { createNudge, packetsReceived, watchHandshakes } from './handshakes.ts';
export { createLinkWatch } from './links.ts';
export { lookUp } from './look-up.ts';

/** The seed asks for a comparison each 5 to 10 s. */
export const comparisonMs = 10_000;
/** A failed step is tried again after this, doubling to the comparison's own rhythm. */
const firstRetryMs = 500;
/** Failures told in words. */
const toldFailures = 5;
/** Of one comparison. */
const toldDrift = 100;

type AnyMap = Map<string, unknown>;
type KeySets = { [K in Kind]?: Set<string> };

const nameOf = (step: Step): string => `${step.kind} ${step.key}`;

export function createApplier(parts: ApplierParts): Applier {
  const { drivers, fixed, first = emptyDataplane(), gates = openGates, shaken, clock, log } = parts;
  const { endFlows = async () => {} } = parts;
  const driverOf = new Map<Kind, AnyDriver>(drivers.flatMap((driver) => driver.kinds.map((kind) => [kind, driver])));
  const want: MutableDataplane = emptyDataplane();
  const gated = {
    route: createGated(gates.route, want.route),
    floating: createGated(gates.floating, want.floating),
  };
  let found: MutableDataplane = emptyDataplane();
  let known = false;
  const failing = new Map<string, string>();
  const succession = createSuccession(shaken);
  let comparisons = 0;
  let lastComparisonMs = 0;
  const drift: Partial<Record<Kind, number>> = {};
  let retryMs = firstRetryMs;
  let retry: AbortController | undefined;
  let queue: Promise<unknown> = Promise.resolve();
  let closed = false;
  /** Keys reached since each observation that is under way began. */
  const observing = new Set<KeySets>();

  /** One at a time: wants, comparisons and retries never interleave. */
  const exclusive = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = queue.then(work);
    queue = turn.catch(() => undefined);
    return turn;
  };

  const fixedKeys = (): Keys => {
    const keys: KeySets = {};
    for (const kind of kinds) keys[kind] = new Set([...fixed[kind].keys(), ...first[kind].keys()]);
    // One that stands knows more than we do before the first want: it lets clients in.
    for (const key of found.ruleset.keys()) keys.ruleset?.delete(key);
    return keys;
  };

  /**
   * Reads everything while wants go on being carried out (a read of 10,000 peers takes 0.2 s on a busy machine); what
   * they reach meanwhile is newer than what is read.
   */
  async function observe(): Promise<MutableDataplane> {
    const seen = emptyDataplane();
    for (const driver of drivers) {
      try {
        Object.assign(seen, await driver.observe());
      } catch (cause) {
        // One blind mechanism does not stop the others: what it held is believed until it can be read again.
        log.error('observe-failed', { kinds: driver.kinds.join(' '), reason: messageOf(cause) });
        for (const kind of driver.kinds) for (const [key, value] of found[kind]) (seen[kind] as AnyMap).set(key, value);
      }
    }
    return shared(want, seen);
  }

  /** Takes an observation for what is there, but for the keys that were reached since it began. */
  function believe(seen: MutableDataplane, since: KeySets): void {
    for (const kind of kinds)
      for (const key of since[kind] ?? []) {
        const value = found[kind].get(key);
        if (value === undefined) seen[kind].delete(key);
        else (seen[kind] as AnyMap).set(key, value);
      }
    found = seen;
  }

  /** Consecutive steps of one driver go in one batch. */
  async function apply(steps: readonly Step[]): Promise<void> {
    for (let at = 0; at < steps.length; ) {
      const driver = driverOf.get(steps[at]?.kind ?? 'link');
      let end = at;
      while (end < steps.length && driverOf.get(steps[end]?.kind ?? 'link') === driver) end += 1;
      const batch = steps.slice(at, end);
      at = end;
      const failed = new Map<Step, string>();
      try {
        if (driver === undefined) throw new Error('no driver for this kind');
        for (const failure of await driver.apply(batch)) failed.set(failure.step, failure.message);
      } catch (cause) {
        for (const step of batch) failed.set(step, messageOf(cause));
      }
      for (const step of batch) {
        const name = nameOf(step);
        const reason = failed.get(step);
        if (reason === undefined) {
          reach(found, step);
          for (const since of observing) (since[step.kind] ??= new Set()).add(step.key);
          failing.delete(name);
        } else {
          const failure = `${printStep(step)}: ${reason}`;
          // Tried again and again, told once.
          if (failing.get(name) !== failure) log.warn('step-failed', { step: printStep(step), reason });
          failing.set(name, failure);
        }
      }
    }
    // After all: who was let in until a moment ago could have begun another.
    await endFlows(
      givenUp(
        steps.filter((step) => !failing.has(nameOf(step))),
        found.peer,
      ),
    );
  }

  const told = (): readonly string[] => [...failing.values()].slice(0, toldFailures);

  function retryLater(): void {
    if (failing.size === 0) {
      retryMs = firstRetryMs;
      return;
    }
    if (retry !== undefined || closed) return;
    retry = new AbortController();
    const { signal } = retry;
    clock
      .sleep(retryMs, signal)
      .then(() => {
        retry = undefined;
        retryMs = Math.min(retryMs * 2, comparisonMs);
        return compare();
      })
      .catch(() => undefined);
  }

  /** Each in words would hold up what mends them: 76,000 lines take 15 s (measured). */
  function tellDrift(steps: readonly Step[]): void {
    for (const { kind } of steps) drift[kind] = (drift[kind] ?? 0) + 1;
    for (const step of steps.slice(0, toldDrift)) log.warn('drift', { step: printStep(step) });
    if (steps.length > toldDrift) log.warn('more-drift', { steps: steps.length - toldDrift });
  }

  async function compare(): Promise<Health> {
    const began = clock.monotonicMs();
    const since: KeySets = {};
    observing.add(since);
    const seen = await observe();
    return exclusive(async () => {
      observing.delete(since);
      believe(seen, since);
      const steps = plan(want, found, known ? undefined : fixedKeys());
      const names = new Set(steps.map(nameOf));
      for (const name of failing.keys()) if (!names.has(name)) failing.delete(name);
      // A step that failed before is a retry; what differs without our doing is drift.
      tellDrift(steps.filter((step) => !failing.has(nameOf(step))));
      await apply(steps);
      comparisons += 1;
      lastComparisonMs = clock.monotonicMs() - began;
      retryLater();
      return health();
    });
  }

  const health = (): Health => ({
    type: 'health',
    failing: failing.size,
    failures: told(),
    comparisons,
    comparisonMs: lastComparisonMs,
    drift,
    ...usage(),
  });

  /** Merges a want; gives the keys that may differ now, or undefined for all. */
  function merge(message: Want): Keys | undefined {
    if (message.whole) {
      succession.clear();
      gated.route.clear();
      gated.floating.clear();
      for (const kind of kinds) {
        want[kind].clear();
        for (const [key, value] of fixed[kind]) (want[kind] as AnyMap).set(key, value);
      }
    }
    const keys: KeySets = {};
    const touch = (kind: Kind, key: string): void => {
      (keys[kind] ??= new Set()).add(key);
    };
    for (const [kind, key] of message.remove) {
      const stays = fixed[kind].get(key);
      if ((kind === 'route' || kind === 'floating') && stays === undefined) gated[kind].remove(key);
      else if (stays === undefined) want[kind].delete(key);
      else (want[kind] as AnyMap).set(key, stays);
      touch(kind, key);
    }
    for (const item of message.put) {
      const key = itemKey(item);
      // node.json's; but for the ruleset, which is the least that stands until a snapshot says more.
      if (item[0] !== 'ruleset' && fixed[item[0]].has(key)) continue;
      if (item[0] === 'route') gated.route.put(key, item[1]);
      else if (item[0] === 'floating') gated.floating.put(key, item[1]);
      else (want[item[0]] as AnyMap).set(key, item[1]);
      touch(item[0], key);
    }
    for (const key of succession.settle(keys.peer ?? [], want.peer, found.peer)) touch('peer', key);
    return message.whole ? undefined : keys;
  }

  const forget = (publicKeys?: readonly string[]): Promise<void> =>
    exclusive(async () => {
      await apply(forgetSteps(found.peer, want.peer, publicKeys));
      retryLater();
    });

  return {
    start: () =>
      exclusive(async () => {
        for (const kind of kinds)
          for (const [key, value] of [...fixed[kind], ...first[kind]]) (want[kind] as AnyMap).set(key, value);
        believe(await observe(), {});
        await apply(plan(want, found, fixedKeys()));
        retryLater();
      }),
    accessPeers: () =>
      new Set(
        [...found.peer.values()].flatMap(({ link, allowedIps, publicKey }) =>
          isAccessLink(link) && allowedIps.length > 0 ? [publicKey] : [],
        ),
      ).size,
    awaitsSuccessor: () => succession.waiting(),
    shook: (peers) =>
      exclusive(async () => {
        const keys = succession.shook(peers, want.peer);
        if (keys.length === 0) return;
        await apply(plan(want, found, { peer: new Set(keys) }));
        retryLater();
      }),
    regate: () =>
      exclusive(async () => {
        await apply(plan(want, found, { route: gated.route.again(), floating: gated.floating.again() }));
        retryLater();
      }),
    forgetSessions: () => forget(),
    forget,
    standingPeer: (key) => (found.peer.has(key) ? want.peer.get(key) : undefined),
    apart: exclusive,
    want: (message) =>
      exclusive(async () => {
        const keys = merge(message);
        known = true;
        await apply(plan(want, found, keys));
        retryLater();
        return {
          type: 'applied',
          number: message.number,
          revision: message.revision,
          failing: failing.size,
          failures: told(),
        };
      }),
    compare,
    close: async () => {
      closed = true;
      retry?.abort();
      await queue;
      for (const driver of drivers) await driver.close();
    },
  };
}
