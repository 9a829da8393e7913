// Lane: how an attempt of a request gets from its decision into a transaction: alone, or together with others of its
// pool under the fence of the pool's leader.

import type { Clock } from '#internal/clock/clock.ts';
import { Fault, isRefusal, type Refusal } from '#internal/errors/errors.ts';
import type { Operation } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { Decision } from '#internal/model/record.ts';
import { type CommitOutcome, type Group, type LeaderFence, openGroup } from '#internal/store/store.ts';
import type { Claim, Claims } from './claims.ts';

export interface Attempted {
  readonly decision: Decision;
  readonly operation: Operation;
}

/** Called when its turn comes, with the snapshot and the claims of that moment; called again if it did not fit. */
export type Attempt = () => Refusal | Attempted;

export interface Lane {
  /** What became of it. @throws Fault as the store's commit; nothing is tried twice */
  attempt(attempt: Attempt): Promise<Refusal | CommitOutcome>;
}

/** What a lane needs of the store. */
export interface LaneStore {
  commit(decision: Decision, operation: Operation): Promise<CommitOutcome>;
  commitGroup(group: Group): Promise<readonly CommitOutcome[]>;
}

function end(claim: Claim, outcome: CommitOutcome): void {
  if (outcome.outcome === 'committed') claim.settle(outcome.revision);
  else claim.release();
}

// As many as the store has under way at once (its audit chains). More would wait there, decided on what is no longer so.
const mostAlone = 32;

/** Each alone, in the order in which they came: what any daemon may do at any time. */
export function directLane(store: LaneStore, claims: Claims): Lane {
  const waiting: (() => void)[] = [];
  let underWay = 0;

  async function carryOut(attempt: Attempt): Promise<Refusal | CommitOutcome> {
    const attempted = attempt();
    if (isRefusal(attempted)) return attempted;
    const claim = claims.claim(attempted.decision);
    claim.fly();
    try {
      const outcome = await store.commit(attempted.decision, attempted.operation);
      end(claim, outcome);
      return outcome;
    } catch (thrown) {
      claim.release();
      throw thrown;
    }
  }

  return {
    async attempt(attempt) {
      if (underWay < mostAlone) underWay += 1;
      else await new Promise<void>((turn) => waiting.push(turn));
      try {
        return await carryOut(attempt);
      } finally {
        const next = waiting.shift();
        if (next === undefined) underWay -= 1;
        else next();
      }
    },
  };
}

interface Queued {
  readonly attempt: Attempt;
  readonly landed: (outcome: Refusal | CommitOutcome) => void;
  readonly failed: (thrown: unknown) => void;
}
type Aboard = Queued & { readonly claim: Claim };

// A transaction under way hides the way to etcd and back, which is 20 ms between distant PoPs; more than a few only
// make groups smaller.
const mostFlying = 3;
// Milliseconds that a small group waits for company while another one is under way. Alone it never waits.
const lingerMs = 4;
// A simple allocation takes two of a transaction's 128 compares: about half a full group.
const worthSending = 32;

/**
 * Requests of one pool's leader: decided in the order in which they came, as many as one transaction takes, and
 * committed together. `fence`: undefined when the pool is not ours to lead (any more); whoever waits is told 'deposed'.
 */
export function ledLane(store: LaneStore, claims: Claims, clock: Clock, fence: () => LeaderFence | undefined): Lane {
  const queue: Queued[] = [];
  /** Those that have to see first what was committed before them. */
  let parked: Queued[] = [];
  let flying = 0;
  let scheduled = false;
  let oldestMs = 0;
  let waiting: NodeJS.Timeout | undefined;

  function schedule(): void {
    if (scheduled) return;
    scheduled = true;
    // After whatever this turn of the event loop still brings in.
    setImmediate(() => {
      scheduled = false;
      pump();
    });
  }

  function pump(): void {
    clearTimeout(waiting);
    while (queue.length > 0 && flying < mostFlying) {
      const waitMs = lingerMs - (clock.monotonicMs() - oldestMs);
      if (flying > 0 && queue.length < worthSending && waitMs > 0) {
        waiting = setTimeout(pump, waitMs);
        return;
      }
      send();
    }
  }

  function send(): void {
    const held = fence();
    if (held === undefined) {
      for (const { landed } of queue.splice(0)) landed({ outcome: 'deposed', revision: 0n });
      return;
    }
    const group = openGroup(held);
    const aboard = board(group);
    oldestMs = clock.monotonicMs();
    if (aboard.length === 0) return;
    for (const { claim } of aboard) claim.fly();
    flying += 1;
    void land(group, aboard);
  }

  /** Takes from the queue whatever the transaction has room for. */
  function board(group: Group): readonly Aboard[] {
    const aboard: Aboard[] = [];
    for (let next = queue[0]; next !== undefined; next = queue[0]) {
      try {
        const attempted = next.attempt();
        if (isRefusal(attempted)) next.landed(attempted);
        else {
          if (claims.outrun(attempted.decision)) {
            park(next);
            queue.shift();
            continue;
          }
          const added = group.add(attempted.decision, attempted.operation);
          if (added !== 'added' && aboard.length > 0) return aboard;
          if (added !== 'added') throw new Fault('internal', `a transaction does not take one request: ${added}`);
          aboard.push({ ...next, claim: claims.claim(attempted.decision) });
        }
      } catch (thrown) {
        next.failed(thrown);
      }
      queue.shift();
    }
    return aboard;
  }

  function park(queued: Queued): void {
    parked.push(queued);
    if (parked.length > 1) return;
    void claims.caughtUp().then(() => {
      queue.unshift(...parked);
      parked = [];
      schedule();
    });
  }

  async function land(group: Group, aboard: readonly Aboard[]): Promise<void> {
    try {
      const outcomes = await store.commitGroup(group);
      for (const [at, outcome] of outcomes.entries()) {
        const one = aboard[at];
        if (one === undefined) continue;
        end(one.claim, outcome);
        one.landed(outcome);
      }
    } catch (thrown) {
      for (const { claim, failed } of aboard) {
        claim.release();
        failed(thrown);
      }
    }
    flying -= 1;
    pump();
  }

  return {
    attempt: (attempt) =>
      new Promise((landed, failed) => {
        if (queue.length === 0) oldestMs = clock.monotonicMs();
        queue.push({ attempt, landed, failed });
        schedule();
      }),
  };
}
