// Submission: the loop of one request: decide, commit, and again when the world moved meanwhile.

import type { DescMessage, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { Unseen } from '#internal/allocator/allocator.ts';
import type { Clock } from '#internal/clock/clock.ts';
import type { Reason, Refusal } from '#internal/errors/errors.ts';
import { Fault, isRefusal, refuse } from '#internal/errors/errors.ts';
import { type Operation, OperationSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { Change, Changed } from '#internal/gen/pop44/v1/common_pb.ts';
import { ChangedSchema } from '#internal/gen/pop44/v1/common_pb.ts';
import type { Snapshot } from '#internal/model/model.ts';
import type { Decision } from '#internal/model/record.ts';
import type { Principal } from '#internal/rpc/rpc.ts';
import { principalName } from '#internal/rpc/rpc.ts';
import type { LeaderFence } from '#internal/store/store.ts';
import { type Budget, createBudgets } from './budget.ts';
import type { Head } from './head.ts';
import { createClaims } from './claims.ts';
import { type Attempt, directLane, type Lane, type LaneStore, ledLane } from './lane.ts';
import { decisionLines } from './lines.ts';
import { askedFor, badRequestId, requestHash, reused } from './request-id.ts';

/** What submit needs of the store; its face says the same of outcomes and faults. */
export interface SubmitStore extends LaneStore {
  readOperation(requestId: string): Promise<{ readonly operation: Operation; readonly revision: bigint } | undefined>;
  currentRevision(): Promise<bigint>;
}

/** A request on its way to the daemon that leads its pool. */
export interface Forwarded {
  readonly poolId: string;
  readonly method: string;
  /** The request message, without its request id. */
  readonly request: Uint8Array;
  /** `admin/ada` */
  readonly principal: string;
  readonly requestId: string;
  /** PoP of the daemon that took it: where what names no home is homed. */
  readonly localPopId: string;
}

/** Who leads the pools. Without it, or without an answer, every request is carried out here, alone. */
export interface Lead {
  /** Of a pool that this daemon leads. */
  fence(poolId: string): LeaderFence | undefined;
  /**
   * The leader's answer. `unsent`: there is no leader within reach, nobody has heard of the request. `unanswered`: it may
   * have been carried out.
   */
  forward(request: Forwarded): Promise<LeaderAnswer | 'unsent' | 'unanswered'>;
}
export type LeaderAnswer = Refusal | { readonly response: Uint8Array; readonly changed: Changed };

export interface SubmitOptions {
  readonly head: Head;
  readonly store: SubmitStore;
  readonly clock: Clock;
  readonly nodeId: string;
  readonly newId: () => string;
  readonly lead?: Lead;
}

export interface Decided<O extends DescMessage> {
  readonly decision: Decision;
  readonly response: MessageInitShape<O>;
}

export interface Submission<I extends DescMessage, O extends DescMessage> {
  /** gRPC path of the method. */
  readonly method: string;
  readonly input: I;
  readonly output: O;
  readonly request: MessageShape<I> & { change?: Change | undefined };
  readonly principal: Principal;
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
  /**
   * Pure; called again with a newer snapshot. `alone`: other daemons decide at the same time, so a choice had better
   * not be the one that they make.
   */
  readonly decide: (snapshot: Snapshot, unseen: Unseen, alone: boolean) => Refusal | Decided<O>;
  /** The pool whose leader decides it best. */
  readonly led?: (snapshot: Snapshot) => string | undefined;
  /** Another daemon forwarded it. */
  readonly forwarded?: Pick<Forwarded, 'request' | 'requestId'>;
}

export interface Granted<O extends DescMessage> {
  /** As it was remembered: without `changed` and without etags. */
  readonly response: MessageShape<O>;
  /** The response as it was remembered; absent of a dry run, and of what another daemon carried out. */
  readonly bytes?: Uint8Array;
  readonly changed: Changed;
}

/**
 * Throws Fault `unavailable` (nothing was changed) or `pending` (it may have been; a repeat with the same request id
 * tells) within 2.5 s of losing the store.
 */
export type Submit = <I extends DescMessage, O extends DescMessage>(
  submission: Submission<I, O>,
) => Promise<Refusal | Granted<O>>;

/** The snapshot as it is once everything that was committed before the call is in. Faults as Submit's. */
export type Latest = (signal: AbortSignal) => Promise<Snapshot>;

const mostTries = 10;
// As many transactions of a pool as may be under way at once (lane.ts).
const mostLandings = 3;
// Refusals that follow from the request alone: no newer snapshot can lift them.
const timeless: ReadonlySet<Reason> = new Set(['invalid', 'required', 'host-bits']);

export function createSubmit(options: SubmitOptions): { readonly submit: Submit; readonly latest: Latest } {
  const { head, store, clock, lead } = options;
  const claims = createClaims(head);
  const budgets = createBudgets(clock);
  const direct = directLane(store, claims);
  const lanes = new Map<string, Lane>();

  const latest: Latest = async (signal) => {
    using budget = budgets.open(signal);
    try {
      await caughtUp(budget, await budget.spend(store.currentRevision()));
    } catch (thrown) {
      throw outcomeOf(thrown, false, '');
    }
    return head.snapshot();
  };

  function ledLaneOf(poolId: string): Lane {
    const known = lanes.get(poolId);
    if (known !== undefined) return known;
    const made = ledLane(store, claims, clock, () => lead?.fence(poolId));
    lanes.set(poolId, made);
    return made;
  }

  const submit: Submit = async <I extends DescMessage, O extends DescMessage>(
    submission: Submission<I, O>,
  ): Promise<Refusal | Granted<O>> => {
    const { change } = submission.request;
    const bad = badRequestId(change?.requestId ?? '');
    if (bad !== undefined) return bad;
    const asked = change?.requestId ?? '';
    const from = submission.forwarded;
    const requestId = from?.requestId ?? (asked === '' ? options.newId() : asked);
    const request = from?.request ?? askedFor(submission.input, submission.request);
    const dryRun = change?.dryRun === true;
    using budget = budgets.open(submission.signal);

    const poolId = dryRun ? undefined : submission.led?.(head.snapshot());
    let sentOn = false;
    if (poolId !== undefined && lead !== undefined && lead.fence(poolId) === undefined) {
      if (from !== undefined) throw new Fault('not-leader', `pool ${poolId} is led elsewhere`);
      const localPopId = head.snapshot().nodes.get(options.nodeId)?.record.popId ?? '';
      const answer = await forwarded(lead, budget, submission, { poolId, requestId, request, localPopId }).catch(
        (thrown) => {
          // Out of time: the leader may carry it out without us.
          throw outcomeOf(thrown, true, requestId);
        },
      );
      if (typeof answer === 'object') {
        if ('changed' in answer) answer.changed.repeated &&= asked !== '';
        return answer;
      }
      // Carried out here, then, under the same request id.
      sentOn = answer === 'unanswered';
    }

    const mayRepeat = asked !== '' || from !== undefined;
    const wanted = create(OperationSchema, {
      requestId,
      principal: principalName(submission.principal),
      method: submission.method,
      requestHash: requestHash(submission.input, request),
      nodeId: options.nodeId,
    });
    const remembered = (operation: Operation, revision: bigint) =>
      reused(operation, wanted) ?? {
        response: fromBinary(submission.output, operation.response),
        bytes: operation.response,
        // Not so when it was we who had sent it to a leader whose answer did not come.
        changed: create(ChangedSchema, { requestId, revision, repeated: mayRepeat && !sentOn }),
      };
    let response: MessageShape<O> = create(submission.output);
    const attemptOn = (alone: boolean): Attempt => {
      return () => {
        claims.seen();
        const decided = submission.decide(head.snapshot(), claims, alone);
        if (isRefusal(decided)) return decided;
        response = create(submission.output, decided.response);
        // Whoever takes the attempt encodes it at once.
        wanted.response = toBinary(submission.output, response);
        wanted.at = timestampFromDate(clock.wall());
        return { decision: decided.decision, operation: wanted };
      };
    };

    // An earlier try of this submission may have been carried out.
    let ambiguous = sentOn;
    let confirmed = false;
    let deposed = false;
    let landings = 0;
    try {
      for (let tries = 0; tries < mostTries; ) {
        const lane = poolId === undefined || deposed || lead?.fence(poolId) === undefined ? undefined : poolId;
        const attempt = attemptOn(lane === undefined);
        if (dryRun) {
          const attempted = attempt();
          if (!isRefusal(attempted)) {
            const decision = decisionLines(attempted.decision);
            return { response, changed: create(ChangedSchema, { requestId, decision }) };
          }
        }
        const outcome = await attempted(budget, lane === undefined ? direct : ledLaneOf(lane), attempt);
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
          if (confirmed && !ambiguous) return outcome;
          // The first try may be what this one stumbles over.
          if (mayRepeat || ambiguous) {
            const before = await budget.spend(store.readOperation(requestId));
            if (before !== undefined) return remembered(before.operation, before.revision);
          }
          if (confirmed) throw new Fault('ambiguous', 'neither remembered nor possible any more');
          await caughtUp(budget, await budget.spend(store.currentRevision()));
          confirmed = true;
          continue;
        }
        tries += 1;
        switch (outcome.outcome) {
          case 'committed':
            return {
              response,
              bytes: wanted.response,
              changed: create(ChangedSchema, { requestId, revision: outcome.revision }),
            };
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
            if (lane === undefined) await pause(budget, tries);
            break;
        }
      }
    } catch (thrown) {
      throw outcomeOf(thrown, ambiguous, requestId);
    }
    if (ambiguous) throw pending(requestId);
    return refuse('conflict', {
      problem: `the records it needs changed ${mostTries} times while it was decided`,
      cure: 'try again',
    });
  };

  return { submit, latest };

  async function attempted(budget: Budget, lane: Lane, attempt: Attempt) {
    try {
      return await budget.spend(lane.attempt(attempt));
    } catch (thrown) {
      // Out of time: it goes on without us.
      if (thrown instanceof Fault && (thrown.code === 'ambiguous' || thrown.code === 'timeout')) {
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
}

async function forwarded<I extends DescMessage, O extends DescMessage>(
  lead: Lead,
  budget: Budget,
  { method, output, principal }: Submission<I, O>,
  to: Omit<Forwarded, 'method' | 'principal'>,
): Promise<Refusal | Granted<O> | 'unsent' | 'unanswered'> {
  const sent = { ...to, method, principal: principalName(principal) };
  const answer = await budget.spend(lead.forward(sent));
  if (typeof answer === 'string' || isRefusal(answer)) return answer;
  return { response: fromBinary(output, answer.response), changed: answer.changed };
}

function pending(requestId: string, cause?: unknown): Fault {
  const text = `request ${requestId} may have been carried out; repeat it with the same request id to learn of it`;
  return new Fault('pending', text, cause);
}

/** The store's words for not answering; a read may be called ambiguous too, and has changed nothing. */
const away: ReadonlySet<string> = new Set(['unavailable', 'ambiguous', 'behind', 'timeout']);

/** @param ambiguous a commit was tried that may have been carried out */
function outcomeOf(thrown: unknown, ambiguous: boolean, requestId: string): unknown {
  if (!(thrown instanceof Fault) || !away.has(thrown.code)) return thrown;
  if (ambiguous) return pending(requestId, thrown);
  const text = 'the daemon has lost touch with the store; nothing was changed; try again in a second';
  return new Fault('unavailable', text, thrown);
}
