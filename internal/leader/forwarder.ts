// Forwarder: this daemon's end of the stream to one other daemon, and the requests on it that wait for their answers.

import { create } from '@bufbuild/protobuf';
import type { ChannelCredentials } from '@grpc/grpc-js';
import type { Clock } from '#internal/clock/clock.ts';
import { Fault } from '#internal/errors/errors.ts';
import {
  type ForwardedAnswer,
  type ForwardedCommand,
  ForwardedCommandSchema,
  LeaderService,
} from '#internal/gen/pop44/v1/leader_pb.ts';
import type { Log } from '#internal/log/log.ts';
import { connect, createOutbox, type Outbox, refusalOf, serverNameOf } from '#internal/rpc/rpc.ts';
import type { Forwarded, Lead } from '#internal/submit/submit.ts';
import { mostInAMessage } from './carry-out.ts';

export interface Forwarder {
  /** `host:port` */
  readonly target: string;
  send(request: Forwarded): ReturnType<Lead['forward']>;
  close(): void;
}

interface ForwarderParts {
  readonly peer: string;
  readonly target: string;
  /** For a connection to come. */
  readonly credentials: () => ChannelCredentials;
  readonly clock: Clock;
  readonly log: Log;
}

type Outcome = Awaited<ReturnType<Forwarder['send']>>;
interface Waiting {
  readonly sinceMs: number;
  answer(outcome: Outcome): void;
}

// Milliseconds. A leader answers within tens; of the 1.8 s that a request may take enough is left to carry it out here.
const patienceMs = 500;
// How long a leader that kept somebody waiting is left alone.
const sulkMs = 1_000;
const lookMs = 50;

export function createForwarder({ peer, target, credentials, clock, log }: ForwarderParts): Forwarder {
  const waiting = new Map<bigint, Waiting>();
  const closed = new AbortController();
  let outbox: Outbox<ForwardedCommand> | undefined;
  let tag = 0n;
  let shunnedUntilMs = 0;
  let look: NodeJS.Timeout | undefined;

  /** One stream, from its first request until it breaks. */
  async function run(own: Outbox<ForwardedCommand>): Promise<void> {
    const connection = connect(LeaderService, target, credentials(), { serverName: serverNameOf(peer) });
    const outgoing = (async function* () {
      for await (const commands of own.batches()) yield { commands: [...commands] };
    })();
    let left: Outcome = 'unanswered';
    try {
      for await (const { answers } of connection.call.forward(outgoing, { signal: closed.signal })) {
        shunnedUntilMs = 0;
        for (const answer of answers) take(answer);
      }
    } catch (thrown) {
      // The stream never came about: nobody has heard of what was to go over it.
      if (thrown instanceof Fault && thrown.code === 'unavailable') left = 'unsent';
      if (!closed.signal.aborted) log.info('forwarding-stopped', { peer, reason: String(thrown) });
    } finally {
      outbox = undefined;
      own.end();
      connection.close();
      shun();
      for (const [, { answer }] of waiting) answer(left);
      waiting.clear();
    }
  }

  function shun(): void {
    shunnedUntilMs = clock.monotonicMs() + sulkMs;
  }

  function take({ tag: answered, outcome }: ForwardedAnswer): void {
    const waits = waiting.get(answered);
    if (waits === undefined) return;
    waiting.delete(answered);
    switch (outcome.case) {
      case 'granted': {
        const { response, changed } = outcome.value;
        return waits.answer(changed === undefined ? 'unanswered' : { response, changed });
      }
      case 'refusal':
        return waits.answer(refusalOf(outcome.value));
      case 'notLeader':
        return waits.answer('unsent');
      default:
        // A fault of the leader, whose way to etcd may be worse than ours.
        return waits.answer('unanswered');
    }
  }

  /** In the order in which they were sent: whoever waits longest is first. */
  function giveUp(): void {
    const latestMs = clock.monotonicMs() - patienceMs;
    for (const [sent, { sinceMs, answer }] of waiting) {
      if (sinceMs > latestMs) break;
      waiting.delete(sent);
      shun();
      answer('unanswered');
    }
    look = waiting.size === 0 ? undefined : setTimeout(giveUp, lookMs);
  }

  return {
    target,
    send(request) {
      const now = clock.monotonicMs();
      if (now < shunnedUntilMs || closed.signal.aborted) return Promise.resolve('unsent');
      if (outbox === undefined) {
        outbox = createOutbox(mostInAMessage);
        void run(outbox);
      }
      tag += 1n;
      outbox.push(create(ForwardedCommandSchema, { tag, ...request }));
      look ??= setTimeout(giveUp, lookMs);
      return new Promise((answer) => {
        waiting.set(tag, { sinceMs: now, answer });
      });
    },
    close() {
      closed.abort(new Fault('cancelled', 'no longer forwarded to'));
      clearTimeout(look);
    },
  };
}
