// Submitting: whether a request is carried out here or by the leader of its pool.

import type { DescMessage } from '@bufbuild/protobuf';
import { fromBinary } from '@bufbuild/protobuf';
import { Fault, isRefusal, type Refusal } from '#internal/errors/errors.ts';
import { principalName } from '#internal/rpc/rpc.ts';
import { type Budget, createBudgets } from './budget.ts';
import { createCarryOut } from './carry-out.ts';
import { createClaims } from './claims.ts';
import { faultOf } from './doubt.ts';
import { askedFor, badRequestId } from './request-id.ts';
import type { Forwarded, Granted, Latest, Lead, Submission, Submit, SubmitOptions } from './submission.ts';

export function createSubmit(options: SubmitOptions): { readonly submit: Submit; readonly latest: Latest } {
  const { head, store, clock, lead } = options;
  const budgets = createBudgets(clock);
  const carryOut = createCarryOut(options, createClaims(head));

  const latest: Latest = async (signal) => {
    using budget = budgets.open(signal);
    try {
      const revision = await budget.spend(store.currentRevision());
      await budget.spend(head.reached(revision, budget.signal));
    } catch (thrown) {
      throw faultOf(thrown, false, '');
    }
    return head.snapshot();
  };

  const submit: Submit = async <I extends DescMessage, O extends DescMessage>(submission: Submission<I, O>) => {
    const { change } = submission.request;
    const asked = change?.requestId ?? '';
    const bad = badRequestId(asked);
    if (bad !== undefined) return bad;
    const from = submission.forwarded;
    const requestId = from?.requestId ?? (asked === '' ? options.newId() : asked);
    const request = from?.request ?? askedFor(submission.input, submission.request);
    const poolId = change?.dryRun === true ? undefined : submission.led?.(head.snapshot());
    using budget = budgets.open(submission.signal);
    let sentOn = false;
    if (poolId !== undefined && lead !== undefined && lead.fence(poolId) === undefined) {
      if (from !== undefined) throw new Fault('not-leader', `pool ${poolId} is led elsewhere`);
      const localPopId = head.snapshot().nodes.get(options.nodeId)?.record.popId ?? '';
      const answer = await forward(lead, budget, submission, { poolId, requestId, request, localPopId });
      if (typeof answer === 'object') {
        if ('changed' in answer) answer.changed.repeated &&= asked !== '';
        return answer;
      }
      // Carried out here, then, under the same request id.
      sentOn = answer === 'unanswered';
    }
    // Awaited: the budget ends with this block.
    return await carryOut({ submission, budget, requestId, request, poolId, sentOn });
  };

  return { submit, latest };
}

/** @throws Fault `pending`: out of time, and the leader may carry it out without us */
async function forward<I extends DescMessage, O extends DescMessage>(
  lead: Lead,
  budget: Budget,
  { method, output, principal }: Submission<I, O>,
  to: Omit<Forwarded, 'method' | 'principal'>,
): Promise<Refusal | Granted<O> | 'unsent' | 'unanswered'> {
  try {
    const answer = await budget.spend(lead.forward({ ...to, method, principal: principalName(principal) }));
    if (typeof answer === 'string' || isRefusal(answer)) return answer;
    return { response: fromBinary(output, answer.response), changed: answer.changed };
  } catch (thrown) {
    throw faultOf(thrown, true, to.requestId);
  }
}
