// Api: the gRPC services that people and their tools use, on every daemon alike.
//
// On the path: a typed request comes from rpc; a change is handed to submit with its command, a read is answered from the
// snapshot with its age; what comes back is only translated.
// Never: decides anything itself, writes to the store, or answers whom policy.ts does not let in.

import { randomUUID } from 'node:crypto';
import type { DescMethod } from '@bufbuild/protobuf';
import type { Server } from '@grpc/grpc-js';
import type { Clock } from '#internal/clock/clock.ts';
import { isRefusal, messageOf } from '#internal/errors/errors.ts';
import { Health } from '#internal/gen/grpc/health/v1/health_pb.ts';
import { type Holding, PopKind } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { AllocationService } from '#internal/gen/pop44/v1/allocations_pb.ts';
import { AuditService } from '#internal/gen/pop44/v1/audit_pb.ts';
import { DeskService } from '#internal/gen/pop44/v1/desk_pb.ts';
import { ExplainService } from '#internal/gen/pop44/v1/explain_pb.ts';
import { FabricService } from '#internal/gen/pop44/v1/fabric_pb.ts';
import type { JoinGrant, JoinRequest } from '#internal/gen/pop44/v1/join_pb.ts';
import { LiveService } from '#internal/gen/pop44/v1/live_pb.ts';
import { PeopleService } from '#internal/gen/pop44/v1/people_pb.ts';
import { PoolService } from '#internal/gen/pop44/v1/pools_pb.ts';
import { ReachService } from '#internal/gen/pop44/v1/reach_pb.ts';
import { StatusService } from '#internal/gen/pop44/v1/status_pb.ts';
import { TrustService } from '#internal/gen/pop44/v1/trust_pb.ts';
import { TunnelService } from '#internal/gen/pop44/v1/tunnels_pb.ts';
import type { Log } from '#internal/log/log.ts';
import { inForce, type Snapshot } from '#internal/model/model.ts';
import type { Prefix } from '#internal/netip/netip.ts';
import type { Hasher } from '#internal/password/password.ts';
import type { People } from '#internal/people/people.ts';
import { forecast } from '#internal/reconcile/reconcile.ts';
import type { ImplementOptions } from '#internal/rpc/rpc.ts';
import { createOpenStreams, implement } from '#internal/rpc/rpc.ts';
import type { DenialsAsker } from '#internal/seam/seam.ts';
import type { Store } from '#internal/store/store.ts';
import type { Status } from '#internal/status/status.ts';
import type { Foresight, Head, Lead, SubmitStore } from '#internal/submit/submit.ts';
import { createSubmit } from '#internal/submit/submit.ts';
import { allocationHandlers } from './allocation-service.ts';
import { auditHandlers } from './audit-service.ts';
import { deskHandlers } from './desk-service.ts';
import { type ExplainParts, explainHandlers } from './explain-service.ts';
import { fabricHandlers } from './fabric-service.ts';
import { createGuessing } from './guessing.ts';
import { healthHandlers } from './health-service.ts';
import { peopleHandlers } from './people-service.ts';
import { gatekeeper } from './policy.ts';
import { liveHandlers } from './live-service.ts';
import { poolHandlers } from './pool-service.ts';
import { type ReachParts, reachHandlers } from './reach-service.ts';
import type { RemoveNodeParts } from './remove-node.ts';
import type { CarryOut } from './service.ts';
import { statusHandlers } from './status-service.ts';
import type { TakeoverParts } from './takeover.ts';
import { type Joining, joins, trustHandlers } from './trust-service.ts';
import { type Stay, tunnelHandlers } from './tunnel-service.ts';
import type { Usage } from './tunnel-usage.ts';
import { whoCalls } from './who.ts';

export type { Joining } from './trust-service.ts';
export { tunnelAt } from './explain-question.ts';
export { internetAddress } from './internet-address.ts';
export type { ReachParts } from './reach-service.ts';
export type { Stay } from './tunnel-service.ts';

export type { Member, Members } from './remove-node.ts';

/** What of the store tells who has changed what. */
type Audited = 'newestAudit' | 'auditRecords' | 'readAudit' | 'readAnchors' | 'readHeads' | 'trimAudit';

/** What the services need of the daemon around them. */
export interface ApiParts extends TakeoverParts, RemoveNodeParts {
  readonly config: { readonly nodeId: string };
  readonly version: string;
  readonly head: Head;
  readonly store: SubmitStore &
    Pick<Store, Audited | 'readDeleted' | 'deletedTunnel'> & {
      readHeld(prefixes: readonly Prefix[]): Promise<readonly Holding[]>;
      contact(): { readonly connected: boolean };
      quarantined(): readonly string[];
    };
  /** Whether the privileged half is there. */
  readonly dataplaneConnected: () => boolean;
  readonly status: Pick<Status, 'of' | 'own' | 'pending' | 'hears' | 'onOwn'>;
  /** Lets a held snapshot through and gives the reason for which it was held; empty when it was not. */
  readonly reconciler: { release(): string };
  readonly clock: Clock;
  readonly log: Log;
  /** Who leads which pool, and the way there. Absent: every request is carried out where it is taken. */
  readonly lead?: Lead & { leaderOf(poolId: string): string | undefined };
  readonly usage: Usage;
  /** Where a tunnel is, as far as this daemon has heard. */
  readonly stayOf: (tunnelId: string) => Stay;
  /** What this node's firewall has refused for prefixes. @throws Fault `unavailable` */
  readonly denials: DenialsAsker['ask'];
  /** What a person has to know of this daemon, a line each. */
  readonly alarms?: () => readonly string[];
  /** PEM: every CA that this daemon trusts. */
  readonly trusted: () => string;
  /** Absent where the CA's key is not. */
  readonly joining?: Joining;
  readonly people: PeopleParts;
  readonly passwords: Hasher;
  /** Hears of logins that were refused. */
  readonly refusals: { count(reason: string, source: string): void };
  readonly explain: ExplainParts;
  readonly reach: ReachParts;
  readonly metrics: { request(method: string): void; unexpected(): void };
}

/** The second snapshot, as far as this daemon has it. */
export interface PeopleParts {
  /** Undefined: it is no CORE's, or has not read it yet. */
  snapshot(): People | undefined;
  /** As Head.reached. */
  reached(revision: bigint, signal: AbortSignal): Promise<void>;
}

export interface Api {
  /** Registers the services. */
  serve(server: Server): void;
  /** Of every service of this server, the mesh's too: who gets in, and who hears of the unexpected. */
  readonly gate: ImplementOptions;
  /** Cuts the streams of those who may not have them any more: a node was revoked, a certificate has ended. */
  askAgain(): void;
  /** What the join port answers. @throws Refused, and Faults as Submit does */
  join(request: JoinRequest, signal: AbortSignal): Promise<JoinGrant>;
  /** By gRPC path: carries out here what another daemon forwarded. Undefined: no pool's leader decides such a method. */
  carryOut(method: string): CarryOut | undefined;
}

export function openApi(parts: ApiParts): Api {
  const { config, head, store, clock, log, metrics } = parts;
  const streams = createOpenStreams();
  const { people } = parts;
  const keeper = gatekeeper(head.snapshot, people.snapshot, clock);
  const cores = (): readonly string[] => coresOf(head.snapshot());
  const gate = {
    admit: keeper.admit,
    who: whoCalls(people.snapshot, cores),
    narrow: keeper.narrow,
    streams,
    called: (method: DescMethod) => metrics.request(`${method.parent.name}.${method.name}`),
    report: (thrown: unknown, method: string) => {
      metrics.unexpected();
      log.error('call-failed', { method, reason: messageOf(thrown) });
    },
  } satisfies ImplementOptions;
  const newId = (): string => randomUUID().replaceAll('-', '');
  const random = Math.random;
  const foresight: Foresight = {
    isFor: (principal) => {
      const actor = keeper.actor(principal);
      return !isRefusal(actor) && actor.role !== 'anonymous' && actor.role !== 'user';
    },
    of: (snapshot, decision) => {
      const { self, here, holderOf } = parts.explain;
      return forecast(snapshot, decision, { self, here: here(), holderOf });
    },
  };
  const common = { store, clock, nodeId: config.nodeId, newId, foresight };
  const submission = createSubmit({ ...common, head, ...(parts.lead && { lead: parts.lead }) });
  // Decided on the fabric as it is, and waiting for what was committed about people.
  const peopleHead: Head = { ...head, setBacks: 0, reached: people.reached };
  const { submit: submitPeople } = createSubmit({ ...common, head: peopleHead });
  const commands = new Map<string, CarryOut>();
  const around = { submitPeople, newId, random, commands, keeper, guessing: createGuessing(), cores };
  const context = { ...parts, ...submission, ...around };
  return {
    gate,
    askAgain: () => streams.ask(gate.admit),
    carryOut: (method) => commands.get(method),
    join: joins(context),
    serve(server) {
      implement(server, PoolService, poolHandlers(context), gate);
      implement(server, AllocationService, allocationHandlers(context, gate.report), gate);
      const tunnels = tunnelHandlers(context);
      implement(server, TunnelService, tunnels, gate);
      implement(server, DeskService, deskHandlers(context), gate);
      implement(server, ExplainService, explainHandlers(context), gate);
      implement(server, ReachService, reachHandlers(context), gate);
      const fabric = fabricHandlers(context);
      implement(server, FabricService, fabric, gate);
      const status = statusHandlers(context);
      implement(server, StatusService, status, gate);
      implement(server, LiveService, liveHandlers(context, { gate, tunnels, status, fabric }), gate);
      implement(server, TrustService, trustHandlers(context), gate);
      implement(server, AuditService, auditHandlers(context), gate);
      implement(server, PeopleService, peopleHandlers(context), gate);
      implement(server, Health, healthHandlers(context), gate);
    },
  };
}

/** By id: nodes whose daemons hold accounts. */
export function coresOf({ nodes, pops }: Snapshot): readonly string[] {
  const held = [...nodes.values()].filter(({ record }) => inForce(record));
  return held
    .flatMap(({ record: { id, popId } }) => (pops.get(popId)?.record.kind === PopKind.CORE ? [id] : []))
    .sort();
}
