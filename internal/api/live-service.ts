// Live service: one stream of a site for all that its pages show: each question asked again and again in the name of whose
// login it bears, and told of when its answer is another.

import { hash } from 'node:crypto';
import { create, toBinary } from '@bufbuild/protobuf';
import { refuse } from '#internal/errors/errors.ts';
import { FabricService } from '#internal/gen/pop44/v1/fabric_pb.ts';
import {
  FollowedNetworkSchema,
  FollowedTunnelsSchema,
  type FollowRequest,
  type FollowResponse,
  FollowResponseSchema,
  type LiveService,
} from '#internal/gen/pop44/v1/live_pb.ts';
import { StatusService } from '#internal/gen/pop44/v1/status_pb.ts';
import { type Tunnel, TunnelService } from '#internal/gen/pop44/v1/tunnels_pb.ts';
import { type Call, callAs, createOutbox, type ImplementOptions, Refused } from '#internal/rpc/rpc.ts';
import { granted, type HandlersOf, type ServiceContext } from './service.ts';
import { troubleDetail } from './trouble-detail.ts';
import { elsewhere } from './who.ts';

export interface FollowParts {
  readonly gate: ImplementOptions & Required<Pick<ImplementOptions, 'who'>>;
  readonly tunnels: Pick<HandlersOf<typeof TunnelService>, 'listTunnels' | 'getTunnel' | 'getTunnelUsage'>;
  readonly status: Pick<HandlersOf<typeof StatusService>, 'getStatus' | 'getMesh'>;
  readonly fabric: Pick<HandlersOf<typeof FabricService>, 'listPops' | 'listInterconnects'>;
}

const everyMs = 2_000;
/** Between two looks of a stream, in the mean, however many questions it has: 100 a second. */
const apartMs = 10;
/** Between the first looks of many that come at once, as when a site comes over from another daemon. */
const firstApartMs = 2;
/** Of a stream: more than a site lets pages be open (web/live.ts). */
const mostQuestions = 4_000;
const pageSize = 1_000;

type Said = FollowResponse['said'];

interface Question {
  readonly about: FollowRequest['about'];
  /** As the metadata `authorization`. */
  readonly authorization: string;
  readonly ended: AbortController;
  /** Of what was told last. */
  told: string;
  /** It has not been taken yet: who reads slowly is told less, and nothing gathers. */
  isWaiting: boolean;
}

const notASite = refuse('forbidden', {
  problem: 'LiveService.Follow is for the certificate of a site',
  cure: 'ask for what you want to see by its own method',
});
const tooMany = refuse('busy', { problem: `a stream has ${mostQuestions} questions at most`, cure: 'another stream' });
const aboutNothing = refuse('required', { field: 'about', problem: 'is missing', cure: 'what is asked about' });

/** What is seen now by whom the call is made for. @throws Refused, Fault */
async function seen(
  { context, parts }: { readonly context: ServiceContext; readonly parts: FollowParts },
  about: FollowRequest['about'],
  call: Call,
): Promise<Said> {
  const { gate, tunnels, status, fabric } = parts;
  const { method } = TunnelService;
  switch (about.case) {
    case 'ownTunnels': {
      const { owner } = granted(context.keeper.actor(call.principal));
      const found: Tunnel[] = [];
      for (let pageToken = ''; ; ) {
        const request = { owner, pageSize, pageToken };
        const page = await callAs(gate, method.listTunnels, tunnels.listTunnels, { request, call });
        found.push(...page.tunnels);
        if (page.nextPageToken === '') break;
        pageToken = page.nextPageToken;
      }
      return {
        case: 'tunnels',
        value: create(FollowedTunnelsSchema, { tunnels: found.map((tunnel) => ({ tunnel })) }),
      };
    }
    case 'tunnel': {
      const given = { request: { tunnel: about.value }, call };
      const [{ tunnel }, usage] = await Promise.all([
        callAs(gate, method.getTunnel, tunnels.getTunnel, given),
        callAs(gate, method.getTunnelUsage, tunnels.getTunnelUsage, given).catch((thrown: unknown) => {
          if (thrown instanceof Refused) throw thrown;
          return undefined;
        }),
      ]);
      // Of every commit: it would make each answer another.
      if (usage !== undefined) delete usage.freshness;
      const one = { ...(tunnel && { tunnel }), ...(usage && { usage }) };
      return { case: 'tunnels', value: create(FollowedTunnelsSchema, { tunnels: [one] }) };
    }
    case 'network': {
      const given = { request: {}, call };
      const [now, mesh, { pops }, { interconnects }] = await Promise.all([
        callAs(gate, StatusService.method.getStatus, status.getStatus, given),
        callAs(gate, StatusService.method.getMesh, status.getMesh, given),
        callAs(gate, FabricService.method.listPops, fabric.listPops, given),
        callAs(gate, FabricService.method.listInterconnects, fabric.listInterconnects, given),
      ]);
      return { case: 'network', value: create(FollowedNetworkSchema, { status: now, mesh, pops, interconnects }) };
    }
    case 'end':
    case undefined:
      throw new Refused(aboutNothing);
  }
}

export function liveHandlers(context: ServiceContext, parts: FollowParts): HandlersOf<typeof LiveService> {
  const { clock } = context;
  const { gate } = parts;
  const unexpected = (thrown: unknown): void => gate.report(thrown, 'LiveService.Follow');

  async function* follow(
    incoming: AsyncIterable<FollowRequest>,
    call: Call,
  ): AsyncGenerator<FollowResponse, void, undefined> {
    const { principal: site } = call;
    if (site.kind !== 'web') throw new Refused(notASite);
    // A site goes to a daemon that knows accounts.
    if (context.people.snapshot() === undefined) throw elsewhere(context.cores());
    const questions = new Map<bigint, Question>();
    const answers = createOutbox<FollowResponse>(64);
    let nextFirstMs = 0;
    let untaken = 0;
    let fewer: () => void = () => {};

    function push(response: FollowResponse): void {
      untaken += 1;
      answers.push(response);
    }
    const { source = '' } = site;
    async function answer({ about, authorization, ended }: Question): Promise<Said> {
      try {
        const principal = gate.who({ certified: site, authorization, saidSource: undefined, source });
        return await seen({ context, parts }, about, { principal, signal: ended.signal, metadata: call.metadata });
      } catch (thrown) {
        return troubleDetail(thrown, unexpected);
      }
    }

    async function ask(tag: bigint, question: Question): Promise<void> {
      const { signal } = question.ended;
      const nowMs = clock.monotonicMs();
      nextFirstMs = Math.max(nowMs, nextFirstMs + firstApartMs);
      if (nextFirstMs > nowMs) await clock.sleep(nextFirstMs - nowMs, signal);
      while (!signal.aborted) {
        if (!question.isWaiting) {
          const said = await answer(question);
          if (signal.aborted) return;
          const response = create(FollowResponseSchema, { tag, said });
          const told = hash('sha256', toBinary(FollowResponseSchema, response), 'base64');
          if (told !== question.told) {
            Object.assign(question, { told, isWaiting: true });
            push(response);
          }
          if (said.case === 'refusal') return takeBack(tag);
        }
        await clock.sleep(Math.max(everyMs, questions.size * apartMs), signal);
      }
    }

    function takeBack(tag: bigint): void {
      questions.get(tag)?.ended.abort();
      questions.delete(tag);
    }

    function take({ tag, bearer, about }: FollowRequest): void {
      takeBack(tag);
      if (about.case === 'end') return;
      if (questions.size >= mostQuestions) {
        push(create(FollowResponseSchema, { tag, said: troubleDetail(new Refused(tooMany), unexpected) }));
        return;
      }
      const ended = new AbortController();
      const question = { about, authorization: `Bearer ${bearer}`, ended, told: '', isWaiting: false };
      questions.set(tag, question);
      // Its end by the signal is no failure.
      ask(tag, question).catch((thrown: unknown) => {
        if (!ended.signal.aborted) unexpected(thrown);
      });
    }

    async function read(): Promise<void> {
      for await (const request of incoming) {
        take(request);
        // Whoever does not read his answers is not read either.
        while (untaken >= mostQuestions && !call.signal.aborted)
          await new Promise<void>((resolve) => {
            fewer = resolve;
          });
      }
    }

    const end = (): void => {
      answers.end();
      fewer();
    };
    call.signal.addEventListener('abort', end, { once: true });
    if (call.signal.aborted) end();
    // Who asks nothing more wants to hear nothing more.
    read()
      .catch(() => undefined)
      .finally(end);
    try {
      for await (const some of answers.batches())
        for (const response of some) {
          const question = questions.get(response.tag);
          if (question !== undefined) question.isWaiting = false;
          yield response;
          untaken -= 1;
          fewer();
        }
    } finally {
      for (const tag of [...questions.keys()]) takeBack(tag);
    }
  }

  return { follow };
}
