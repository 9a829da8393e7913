// Submission: the loop of one request: decide, commit, and again when the world moved meanwhile.

import type { DescMessage, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
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
import { type Budget, createBudget } from './budget.ts';
import type { Head } from './head.ts';
import { createInFlight } from './in-flight.ts';
import { decisionLines } from './lines.ts';
import { badRequestId, requestHash, reused } from './request-id.ts';

/** What submit needs of the store; its face says the same of outcomes and faults. */
export interface SubmitStore {
  commit(
    decision: Decision,
    operation: Operation,
  ): Promise<
    | { readonly outcome: 'committed'; readonly revision: bigint }
    | { readonly outcome: 'conflict'; readonly revision: bigint }
    | { readonly outcome: 'repeated'; readonly revision: bigint; readonly operation: Operation }
  >;
  readOperation(requestId: string): Promise<{ readonly operation: Operation; readonly revision: bigint } | undefined>;
  currentRevision(): Promise<bigint>;
}

export interface SubmitOptions {
  readonly head: Head;
  readonly store: SubmitStore;
  readonly clock: Clock;
  readonly nodeId: string;
  readonly newId: () => string;
  /** From 0 up to but not 1. */
  readonly random: () => number;
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
  /** Pure; called again with a newer snapshot. `inFlight`: keys of allocations that are taken and not yet shown. */
  readonly decide: (snapshot: Snapshot, inFlight: ReadonlySet<string>) => Refusal | Decided<O>;
}

export interface Granted<O extends DescMessage> {
  /** As it was remembered: without `changed` and without etags. */
  readonly response: MessageShape<O>;
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
// Refusals that follow from the request alone: no newer snapshot can lift them.
const timeless: ReadonlySet<Reason> = new Set(['invalid', 'required', 'host-bits']);

export function createSubmit(options: SubmitOptions): { readonly submit: Submit; readonly latest: Latest } {
  const { head, store, clock } = options;
  const inFlight = createInFlight();

  const latest: Latest = async (signal) => {
    using budget = createBudget(clock, signal);
    try {
      await caughtUp(budget, await budget.spend(store.currentRevision()));
    } catch (thrown) {
      throw outcomeOf(thrown, false, '');
    }
    return head.snapshot();
  };

  const submit: Submit = async (submission) => {
    const change = submission.request.change;
    const bad = badRequestId(change?.requestId ?? '');
    if (bad !== undefined) return bad;
    const asked = change?.requestId ?? '';
    const requestId = asked === '' ? options.newId() : asked;
    using budget = createBudget(clock, submission.signal);
    const wanted = create(OperationSchema, {
      requestId,
      principal: principalName(submission.principal),
      method: submission.method,
      requestHash: requestHash(submission.input, submission.request),
      nodeId: options.nodeId,
    });
    const remembered = (operation: Operation, revision: bigint) =>
      reused(operation, wanted) ?? {
        response: fromBinary(submission.output, operation.response),
        changed: create(ChangedSchema, { requestId, revision, repeated: asked !== '' }),
      };

    // An earlier try of this submission may have been carried out.
    let ambiguous = false;
    let confirmed = false;
    try {
      for (let tries = 0; tries < mostTries; ) {
        const snapshot = head.snapshot();
        inFlight.seen(snapshot.revision);
        const decided = submission.decide(snapshot, inFlight.keys);
        if (isRefusal(decided)) {
          if (timeless.has(decided.refused) || (confirmed && !ambiguous)) return decided;
          // The first try may be what this one stumbles over.
          if (asked !== '' || ambiguous) {
            const before = await budget.spend(store.readOperation(requestId));
            if (before !== undefined) return remembered(before.operation, before.revision);
          }
          if (confirmed) throw new Fault('ambiguous', 'neither remembered nor possible any more');
          await caughtUp(budget, await budget.spend(store.currentRevision()));
          confirmed = true;
          continue;
        }
        if (change?.dryRun === true) {
          return {
            response: create(submission.output, decided.response),
            changed: create(ChangedSchema, { requestId, decision: decisionLines(decided.decision) }),
          };
        }
        tries += 1;
        const response = create(submission.output, decided.response);
        const operation = create(OperationSchema, {
          ...wanted,
          response: toBinary(submission.output, response),
          at: timestampFromDate(clock.wall()),
        });
        const outcome = await committed(budget, decided.decision, operation);
        switch (outcome.outcome) {
          case 'committed':
            return { response, changed: create(ChangedSchema, { requestId, revision: outcome.revision }) };
          case 'repeated':
            return remembered(outcome.operation, outcome.revision);
          case 'ambiguous':
            // The operation's key is compared too, so that the same commit again is carried out once at most.
            ambiguous = true;
            await pause(budget, tries);
            break;
          case 'conflict':
            await caughtUp(budget, outcome.revision);
            confirmed = true;
            await pause(budget, tries);
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

  async function committed(budget: Budget, decision: Decision, operation: Operation) {
    const keys = inFlight.take(decision);
    const commit = store.commit(decision, operation).then(
      (outcome) => {
        if (outcome.outcome === 'committed') inFlight.settle(keys, outcome.revision);
        else inFlight.release(keys);
        return outcome;
      },
      (thrown: unknown) => {
        inFlight.release(keys);
        throw thrown;
      },
    );
    try {
      return await budget.spend(commit);
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
    await budget.spend(clock.sleep(options.random() * 2 ** Math.min(tries, 6), budget.signal));
  }
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
