// Explain service: one packet through the plan of this node and through its kernel.

import { carrierOf, frame, type Here, linkOf, part, type Self, viewOfNode } from '#internal/desired/desired.ts';
import { Fault, refuse } from '#internal/errors/errors.ts';
import {
  absenceOf,
  cureOf,
  differenceOf,
  flowText,
  kernelWalk,
  type Party,
  plannedPlane,
  type Scene,
  type Walk,
  walk,
} from '#internal/explain/explain.ts';
import { policyOf } from '#internal/firewall/firewall.ts';
import type { Tunnel } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { ExplainRequest, ExplainResponse, ExplainService } from '#internal/gen/pop44/v1/explain_pb.ts';
import { namesakes, type Snapshot, standingPrefixes } from '#internal/model/model.ts';
import type { FactsAsker } from '#internal/seam/seam.ts';
import { inSpace, nodesWorthAsking, type Question, questionOf, tunnelAt } from './explain-question.ts';
import { explainedFailure, type WhereaboutsKnown } from './explain-failure.ts';
import type { HandlersOf, ServiceContext } from './service.ts';
import { found, freshness, granted } from './service.ts';

/** What the daemon knows besides the snapshot. */
export interface ExplainParts {
  readonly self: Self;
  /** Tunnels that are live here, and their classes. */
  here(): Here;
  /** Node of a tunnel's newest handshake. */
  holderOf(tunnelId: string): string | undefined;
  /** What this node's kernel holds. @throws Fault `unavailable` */
  readonly facts: FactsAsker['ask'];
  /** Absent: this daemon hears of none. */
  readonly whereabouts?: WhereaboutsKnown;
}

interface Around extends ExplainParts {
  readonly snapshot: Snapshot;
  readonly nowMs: number;
}

function partyOf({ snapshot, self, here }: Around, tunnel: Tunnel): Party {
  const only = namesakes(snapshot.tunnelsByName, tunnel.name).length === 1;
  const ref = only ? tunnel.name : tunnel.id;
  const popId = snapshot.nodes.get(self.nodeId)?.record.popId ?? '';
  const absence = absenceOf(snapshot, tunnel, { nodeId: self.nodeId, popId }, ref);
  return {
    id: tunnel.id,
    ref,
    publicKeys: [tunnel.publicKey, ...(tunnel.nextPublicKey === '' ? [] : [tunnel.nextPublicKey])],
    policy: policyOf(tunnel.firewall),
    link: linkOf(carrierOf(snapshot, self), here(), tunnel.id) ?? '',
    ...(absence && { absence }),
  };
}

/** Node where it lives now with routes of its own, which are more specific than its slab's. */
function elsewhere({ snapshot, self, holderOf }: Around, target: Tunnel, packet: Question['packet']) {
  const holder = holderOf(target.id);
  if (holder === undefined || holder === self.nodeId) return undefined;
  const popId = snapshot.nodes.get(holder)?.record.popId;
  const away = standingPrefixes(snapshot, target).some(
    ({ prefix, homePopId }) => homePopId !== popId && inSpace([prefix], packet.to),
  );
  return away ? holder : undefined;
}

/** Whether it comes out of the tunnel here: it lives here, or nobody knows where and its home is here. */
function comesHere({ snapshot, self, holderOf }: Around, source: Tunnel): boolean {
  const holder = holderOf(source.id);
  const popId = snapshot.nodes.get(self.nodeId)?.record.popId;
  return holder === undefined ? source.prefixes.some((each) => each.homePopId === popId) : holder === self.nodeId;
}

function planOf(around: Around, question: Question) {
  const { snapshot, self, nowMs } = around;
  const seen = viewOfNode(snapshot, self);
  if (seen === undefined) {
    const about = { field: 'node', value: self.nodeId, problem: 'is no node of this network' };
    return refuse('not-found', { ...about, cure: 'pop44 node create' });
  }
  const { packet, sends, tunnel, nobody } = question;
  const source = sends ? tunnel : tunnelAt(snapshot, packet.from);
  const target = sends ? tunnelAt(snapshot, packet.to) : tunnel;
  const wanted = frame(snapshot, self);
  const parts = { snapshot, carrier: carrierOf(snapshot, self), here: around.here() };
  for (const each of [source, target]) if (each !== undefined) part(parts, each.id, wanted);
  const space = [...seen.pools, ...seen.loopbacks];
  const fromTunnel = sends || (source !== undefined && comesHere(around, source));
  const away = target && elsewhere(around, target, packet);
  const scene: Scene = {
    nodeId: self.nodeId,
    packet,
    enters: fromTunnel ? 'tunnel' : inSpace(space, packet.from) ? 'fabric' : 'outside',
    nobody: sends ? '' : nobody,
    units: packet.family === 4 ? seen.units4 : seen.units6,
    space,
    table: seen.internet.table,
    ruleset: wanted.ruleset.get('pop')?.text,
    nowMs,
    ...(source && { source: partyOf(around, source) }),
    ...(target && { target: partyOf(around, target) }),
    ...(away !== undefined && { elsewhere: away }),
  };
  return { scene, plane: plannedPlane(wanted, scene) };
}

const shown = ({ verdict, reason, steps }: Walk) => ({
  verdict,
  reason,
  steps: steps.map(({ where, verdict: each, rule, evidence }) => ({ where, verdict: each, rule, evidence })),
});

async function kernelOf(
  facts: ExplainParts['facts'],
  { scene, plane }: { scene: Scene; plane: ReturnType<typeof plannedPlane> },
) {
  const keysOfTarget = new Set(scene.target?.publicKeys);
  let handshakeMs = 0;
  try {
    const keys = [...plane.read.values()];
    const walked = await kernelWalk(scene, keys, async (asked) => {
      const answer = await facts({ keys: asked, to: scene.packet.to });
      const own = answer.sessions.filter(({ publicKey }) => keysOfTarget.has(publicKey));
      handshakeMs = Math.max(handshakeMs, ...own.map((session) => session.handshakeMs));
      return answer;
    });
    return { walked, problem: walked === undefined ? 'it changes while it is read' : '', handshakeMs };
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    return { walked: undefined, problem: thrown.message, handshakeMs };
  }
}

type ExplainQuestion = Omit<ExplainRequest, '$typeName' | '$unknown'>;
/** At another node. @throws when it does not answer */
export type ExplainedAt = (nodeId: string, request: ExplainQuestion, signal: AbortSignal) => Promise<ExplainResponse>;

/** What this node does with a packet. @throws Refused */
export async function explained(context: ServiceContext, request: ExplainQuestion, signal: AbortSignal) {
  const { head, clock, explain, config, status } = context;
  const question = await found(context, signal, (snapshot) => questionOf(snapshot, request));
  const snapshot = head.snapshot();
  const around: Around = { ...explain, snapshot, nowMs: clock.wall().getTime() };
  const made = planOf(around, question);
  const { scene, plane } = granted(made);
  const plan = walk(plane, scene);
  const { walked, problem, handshakeMs } = await kernelOf(explain.facts, { scene, plane });
  const { packet, tunnel } = question;
  return {
    nodeId: config.nodeId,
    packet: `${flowText(packet)} from ${packet.from} to ${packet.to}`,
    plan: shown(plan),
    ...(walked && { kernel: shown(walked) }),
    kernelProblem: problem,
    difference: (walked && differenceOf(plan, walked)) ?? '',
    cure: cureOf(scene, walked ?? plan),
    nodeIds: [...nodesWorthAsking(snapshot, question, tunnel && explain.holderOf(tunnel.id))],
    held: status.own().held,
    freshness: freshness(context),
    handshakeMs: BigInt(Math.round(handshakeMs)),
  };
}

export function explainHandlers(context: ServiceContext): HandlersOf<typeof ExplainService> {
  return {
    explain: (request, { signal }) => explained(context, request, signal),
    explainFailure: async ({ node }, { signal }) => {
      const answer = await found(context, signal, (snapshot) => explainedFailure(context, snapshot, node));
      return { ...answer, freshness: freshness(context) };
    },
  };
}
