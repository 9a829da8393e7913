// Carry out: the loop of one request on this daemon: decide, commit, and again when the world moved meanwhile.

import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { withEnded } from '#internal/command/command.ts';
import type { Reason, Refusal } from '#internal/errors/errors.ts';
import { Fault, isRefusal, refuse } from '#internal/errors/errors.ts';
import { type Operation, OperationSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { ChangedSchema, RefusalDetailSchema } from '#internal/gen/pop44/v1/common_pb.ts';
import { principalName, refusalDetail, refusalOf } from '#internal/rpc/rpc.ts';
import type { Budget } from './budget.ts';
import type { Claims } from './claims.ts';
import { faultOf, pending } from './doubt.ts';
import { dryRun } from './dry-run.ts';
import { type Attempt, directLane, type Lane, ledLane } from './lane.ts';
import { requestHash, reused } from './request-id.ts';
import type { Granted, Submission, SubmitOptions } from './submission.ts';

export interface Carried<I extends DescMessage, O extends DescMessage> {
  readonly submission: Submission<I, O>;
  readonly budget: Budget;
  readonly requestId: string;
  /** As askedFor gives it. */
  readonly request: Uint8Array;
  /** The pool whose leader we may be. */
  readonly poolId: string | undefined;
  /** A leader was asked and has not answered: it may carry the request out meanwhile. */
  readonly sentOn: boolean;
}

const mostTries = 10;
// As many transactions of a pool as may be under way at once (lane.ts).
const mostLandings = 3;
// Refusals that follow from the request alone: no newer snapshot can lift them, and no first try was granted. `invalid` is
// none: a name that has become ambiguous is, too.
const timeless: ReadonlySet<Reason> = new Set(['required', 'host-bits']);

export function createCarryOut({ head, store, clock, nodeId, lead, foresight }: SubmitOptions, claims: Claims) {
  const direct = directLane(store, claims);
  const lanes = new Map<string, Lane>();

  /** Undefined: everybody decides for himself. */
  function ledLaneOf(poolId: string | undefined): Lane | undefined {
    if (poolId === undefined || lead?.fence(poolId) === undefined) return undefined;
    const lane = lanes.get(poolId) ?? ledLane(store, claims, clock, () => lead.fence(poolId));
    lanes.set(poolId, lane);
    return lane;
  }

  /** Whoever waits no longer when the turn comes is not carried out any more: what is late is of use to nobody. */
  async function attempted(budget: Budget, lane: Lane, attempt: Attempt) {
    let decided = false;
    const inTime: Attempt = () => {
      if (budget.ended !== undefined) throw budget.ended;
      decided = true;
      return attempt();
    };
    try {
      return await budget.spend(lane.attempt(inTime));
    } catch (thrown) {
      // Out of time: what is decided goes on without us.
      if (thrown instanceof Fault && (thrown.code === 'ambiguous' || (thrown.code === 'timeout' && decided))) {
        return { outcome: 'ambiguous' } as const;
      }
      throw thrown;
    }
  }

  async function caughtUp(budget: Budget, revision: bigint): Promise<void> {
    await budget.spend(head.reached(revision, budget.signal));
  }

  /** Up to 2, 4, 8 … 64 ms: two daemons that met once should not meet again in step. */
  async function pause(budget: Budget, tries: number): Promise<void> {
    await budget.spend(clock.sleep(Math.random() * 2 ** Math.min(tries, 6), budget.signal));
  }

  return async function carryOut<I extends DescMessage, O extends DescMessage>(
    carried: Carried<I, O>,
  ): Promise<Refusal | Granted<O>> {
    const { submission, budget, requestId, sentOn } = carried;
    const { change } = submission.request;
    /** Somebody may have used the id before us. */
    const mayRepeat = submission.forwarded !== undefined || (change?.requestId ?? '') !== '';
    const operation = create(OperationSchema, {
      requestId,
      principal: principalName(submission.principal),
      method: submission.method,
      requestHash: requestHash(submission.input, carried.request),
      nodeId,
    });
    let response: MessageShape<O> = create(submission.output);
    const granted = (revision: bigint): Granted<O> => ({
      response,
      bytes: operation.response,
      changed: create(ChangedSchema, { requestId, revision }),
    });
    const remembered = (before: Operation, revision: bigint): Refusal | Granted<O> => {
      const other = reused(before, operation);
      if (other !== undefined) return other;
      if (before.refusal.length > 0) return refusalOf(fromBinary(RefusalDetailSchema, before.refusal));
      return {
        response: fromBinary(submission.output, before.response),
        bytes: before.response,
        // Not so when it was we who had sent it to a leader whose answer did not come.
        changed: create(ChangedSchema, { requestId, revision, repeated: mayRepeat && !sentOn }),
      };
    };
    const attemptOn =
      (alone: boolean): Attempt =>
      () => {
        claims.seen();
        const decided = submission.decide(head.snapshot(), claims, alone);
        if (isRefusal(decided)) return decided;
        response = create(submission.output, decided.response);
        // Whoever takes the attempt encodes it at once.
        operation.response = toBinary(submission.output, response);
        operation.at = timestampFromDate(clock.wall());
        const decision = withEnded(head.snapshot(), decided.decision, clock.wall());
        const { source = '' } = submission.principal;
        return { decision: source === '' ? decision : { ...decision, source }, operation };
      };
    /**
     * What an earlier try, here or at a leader, may still do, it cannot do any more once its request id is taken: the
     * refusal is remembered in its place.
     */
    const refusedForGood = async (refusal: Refusal): Promise<Refusal | Granted<O>> => {
      operation.response = new Uint8Array();
      operation.refusal = toBinary(RefusalDetailSchema, refusalDetail(refusal));
      operation.at = timestampFromDate(clock.wall());
      const outcome = await attempted(budget, direct, () => ({ decision: nothing, operation }));
      if (isRefusal(outcome)) return outcome;
      if (outcome.outcome === 'repeated') return remembered(outcome.operation, outcome.revision);
      if (outcome.outcome === 'committed') return refusal;
      throw new Fault('ambiguous', 'neither remembered nor possible any more');
    };

    // An earlier try may have been carried out.
    let ambiguous = sentOn;
    let confirmed = false;
    let deposed = false;
    let landings = 0;
    try {
      for (let tries = 0; tries < mostTries; ) {
        const led = deposed ? undefined : ledLaneOf(carried.poolId);
        const attempt = attemptOn(led === undefined);
        const snapshot = head.snapshot();
        const looked = change?.dryRun === true ? attempt() : undefined;
        if (looked !== undefined && !isRefusal(looked)) {
          const { principal } = submission;
          const told = await dryRun({ foresight, principal, snapshot, decision: looked.decision, budget });
          return { response, changed: create(ChangedSchema, { requestId, ...told }) };
        }
        // A dry run that was refused goes no further either: what stood in its way may be over by now.
        const outcome = looked ?? (await attempted(budget, led ?? direct, attempt));
        if (isRefusal(outcome)) {
          if (timeless.has(outcome.refused)) return outcome;
          // What is under way may leave room: a slab that it cuts cannot be used before it has landed.
          const landing =
            outcome.refused === 'pool-exhausted' && landings < mostLandings ? claims.landing() : undefined;
          if (landing !== undefined) {
            landings += 1;
            await budget.spend(landing);
            continue;
          }
          // The first try may be what this one stumbles over, also one that came in between.
          if (mayRepeat || ambiguous) {
            const before = await budget.spend(store.readOperation(requestId));
            if (before !== undefined) return remembered(before.operation, before.revision);
          }
          if (confirmed) return ambiguous ? await refusedForGood(outcome) : outcome;
          await caughtUp(budget, await budget.spend(store.currentRevision()));
          confirmed = true;
          continue;
        }
        tries += 1;
        switch (outcome.outcome) {
          case 'committed':
            return granted(outcome.revision);
          case 'repeated':
            return remembered(outcome.operation, outcome.revision);
          case 'unreadable':
            throw outcome.fault;
          case 'deposed':
            deposed = true;
            break;
          case 'ambiguous':
            // The operation's key is compared too, so that the same commit again is carried out once at most.
            ambiguous = true;
            await pause(budget, tries);
            break;
          case 'conflict':
            await caughtUp(budget, outcome.revision);
            confirmed = true;
            if (led === undefined) await pause(budget, tries);
            break;
        }
      }
    } catch (thrown) {
      throw faultOf(thrown, ambiguous, requestId);
    }
    if (ambiguous) throw pending(requestId);
    return refuse('conflict', {
      problem: `the records it needs changed ${mostTries} times while it was decided`,
      cure: 'try again',
    });
  };
}

const nothing = { compares: [], writes: [] } as const;
