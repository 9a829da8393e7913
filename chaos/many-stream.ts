// Many stream: allocations over one streaming call to one daemon, each awaited by itself.

import type { Client } from '#internal/client/client.ts';
import type { Clock } from '#internal/clock/clock.ts';
import { Fault, messageOf } from '#internal/errors/errors.ts';
import type {
  AllocateManyRequest,
  AllocateOutcome,
  AllocateRequest,
  AllocateResponse,
} from '#internal/gen/pop44/v1/allocations_pb.ts';
import { AllocateManyRequestSchema } from '#internal/gen/pop44/v1/allocations_pb.ts';
import { create } from '@bufbuild/protobuf';
import { Refused, refusalOf } from '#internal/rpc/rpc.ts';

export interface ManyStream {
  /** @throws Refused, Fault as a unary call does */
  allocate(request: AllocateRequest, deadlineMs: number): Promise<AllocateResponse>;
  /** The call is over, or fell silent: a new one is wanted. */
  readonly broken: boolean;
  close(): void;
}

interface Waiting {
  readonly settle: (outcome: AllocateOutcome) => void;
  readonly fail: (fault: Fault) => void;
  sent: boolean;
}

export function openManyStream(client: Client, clock: Clock): ManyStream {
  const waiting = new Map<bigint, Waiting>();
  const queue: { readonly tag: bigint; readonly request: AllocateRequest }[] = [];
  const ending = new AbortController();
  let tag = 0n;
  let broken = false;
  let wake = (): void => {};

  async function* outgoing(): AsyncGenerator<AllocateManyRequest> {
    while (!ending.signal.aborted) {
      const calls = queue.splice(0);
      if (calls.length > 0) {
        for (const call of calls) {
          const each = waiting.get(call.tag);
          if (each !== undefined) each.sent = true;
        }
        yield create(AllocateManyRequestSchema, { calls });
      }
      if (queue.length === 0 && !ending.signal.aborted)
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    }
  }
  const breakUp = (reason: string): void => {
    broken = true;
    // What never left us certainly was not done.
    for (const each of waiting.values()) each.fail(new Fault(each.sent ? 'dropped' : 'unavailable', reason));
    waiting.clear();
    ending.abort(new Error(reason));
    wake();
  };
  const reading = (async () => {
    for await (const { outcomes } of client.allocations.allocateMany(outgoing(), { signal: ending.signal }))
      for (const outcome of outcomes) {
        waiting.get(outcome.tag)?.settle(outcome);
        waiting.delete(outcome.tag);
      }
  })();
  reading.then(
    () => breakUp('the stream ended'),
    (thrown: unknown) => breakUp(messageOf(thrown)),
  );

  return {
    get broken() {
      return broken;
    },
    close: () => breakUp('closed'),
    async allocate(request, deadlineMs) {
      if (broken) throw new Fault('unavailable', 'the stream is broken');
      tag += 1n;
      const mine = tag;
      const { promise, resolve, reject } = Promise.withResolvers<AllocateOutcome>();
      waiting.set(mine, { settle: resolve, fail: reject, sent: false });
      queue.push({ tag: mine, request });
      wake();
      const answered = new AbortController();
      clock.sleep(deadlineMs, answered.signal).then(
        () => {
          // Others on it wait as long for nothing: the daemon stands still.
          breakUp('silent');
        },
        () => undefined,
      );
      try {
        return granted(await promise);
      } finally {
        answered.abort();
      }
    },
  };
}

function granted({ outcome }: AllocateOutcome): AllocateResponse {
  switch (outcome.case) {
    case 'granted':
      return outcome.value;
    case 'refusal':
      throw new Refused(refusalOf(outcome.value));
    case 'fault':
      throw new Fault(outcome.value.code, outcome.value.message);
    case undefined:
      throw new Fault('internal', 'an answer without an outcome');
  }
}
