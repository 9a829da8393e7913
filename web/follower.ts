// Follower: one stream to a daemon for all that the pages of an instance show. When it breaks, the next daemon is asked.

import { create, type MessageInitShape } from '@bufbuild/protobuf';
import type { Client } from '#internal/client/client.ts';
import type { Clock } from '#internal/clock/clock.ts';
import { Fault } from '#internal/errors/errors.ts';
import {
  FollowEndSchema,
  type FollowRequest,
  type FollowRequestSchema,
  type FollowResponse,
} from '#internal/gen/pop44/v1/live_pb.ts';
import { createOutbox, type Outbox, Refused, refusalOf } from '#internal/rpc/rpc.ts';

export interface Question {
  /** Secret of the login in whose name it is asked. */
  readonly bearer: string;
  readonly about: Exclude<FollowRequest['about'], { readonly case: 'end' | undefined }>;
}
export type Answer = Extract<FollowResponse['said'], { readonly case: 'tunnels' | 'network' }>;

export interface Hears {
  answer(answer: Answer): void;
  /** Refused, or a Fault. After the first there comes nothing more; after a Fault it is asked again. */
  trouble(thrown: Refused | Fault): void;
}

export interface Follower {
  /** Gives the way to take the question back. */
  ask(question: Question, hears: Hears): () => void;
  close(): void;
}

export interface FollowerAround {
  readonly clock: Clock;
  readonly client: () => Client;
  /** Of the daemons, in the order in which they are tried. At least one. */
  readonly nodes: readonly string[];
  /** Hears why a daemon was left. */
  readonly left: (node: string, fault: Fault) => void;
}

type Request = MessageInitShape<typeof FollowRequestSchema>;

/** Between two tries, once each daemon has been tried. */
const retryMs = 1_000;
/** Requests that go together. */
const batch = 64;

export function createFollower({ clock, client, nodes, left }: FollowerAround): Follower {
  const questions = new Map<bigint, { readonly question: Question; readonly hears: Hears }>();
  const closed = new AbortController();
  let nextTag = 1n;
  let nodeAt = 0;
  /** To the stream that is open, or being opened. */
  let out: Outbox<Request> | undefined;

  const request = (tag: bigint, { bearer, about }: Question): Request => ({ tag, bearer, about });

  function hear({ tag, said }: FollowResponse): void {
    const asked = questions.get(tag);
    // Taken back while its answer was under way.
    if (asked === undefined) return;
    const { hears } = asked;
    if (said.case === 'tunnels' || said.case === 'network') return hears.answer(said);
    if (said.case === 'fault') return hears.trouble(new Fault(said.value.code, said.value.message));
    if (said.case !== 'refusal') return;
    questions.delete(tag);
    hears.trouble(new Refused(refusalOf(said.value)));
  }

  /** Until the stream ends. @throws Refused, Fault */
  async function stream(node: string, signal: AbortSignal, heard: () => void): Promise<void> {
    const outgoing = createOutbox<Request>(batch);
    out = outgoing;
    for (const [tag, { question }] of questions) outgoing.push(request(tag, question));
    const requests = (async function* () {
      for await (const some of outgoing.batches()) yield* some;
    })();
    try {
      for await (const response of client().at(node).live.follow(requests, { signal })) {
        heard();
        hear(response);
      }
      throw new Fault('unavailable', `${node} has ended its stream`);
    } finally {
      outgoing.end();
      out = undefined;
    }
  }

  /** As long as anybody looks; a stream that is open stays so. */
  async function run(): Promise<void> {
    const { signal } = closed;
    let failed = 0;
    while (questions.size > 0 && !signal.aborted) {
      const node = nodes[nodeAt % nodes.length] ?? '';
      try {
        await stream(node, signal, () => {
          failed = 0;
        });
      } catch (thrown) {
        if (signal.aborted) return;
        const fault =
          thrown instanceof Fault ? thrown : new Fault('unavailable', `${node} does not follow anything`, thrown);
        left(node, fault);
        nodeAt += 1;
        failed += 1;
        // One that only broke is there again.
        if (failed < Math.max(2, nodes.length)) continue;
        const away = new Fault('unavailable', 'no daemon follows anything', fault);
        for (const { hears } of [...questions.values()]) hears.trouble(away);
        await clock.sleep(retryMs, signal);
      }
    }
  }

  let running = false;
  function start(): void {
    if (running || closed.signal.aborted) return;
    running = true;
    // Its end by the signal is no failure; whoever asked between its end and here is asked for now.
    void run()
      .catch(() => undefined)
      .finally(() => {
        running = false;
        if (questions.size > 0) start();
      });
  }

  return {
    ask(question, hears) {
      const tag = nextTag;
      nextTag += 1n;
      questions.set(tag, { question, hears });
      out?.push(request(tag, question));
      start();
      return () => {
        if (questions.delete(tag))
          out?.push({ tag, bearer: '', about: { case: 'end', value: create(FollowEndSchema) } });
      };
    },
    close() {
      questions.clear();
      closed.abort(new Fault('cancelled', 'the server ends'));
    },
  };
}
