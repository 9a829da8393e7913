// Open: the services of a network behind one object.

import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { GenService, GenServiceMethods } from '@bufbuild/protobuf/codegenv2';
import type { ChannelCredentials } from '@grpc/grpc-js';
import { realClock } from '#internal/clock/clock.ts';
import { Fault, messageOf } from '#internal/errors/errors.ts';
import { AllocationService } from '#internal/gen/pop44/v1/allocations_pb.ts';
import { AuditService } from '#internal/gen/pop44/v1/audit_pb.ts';
import { DeskService } from '#internal/gen/pop44/v1/desk_pb.ts';
import { ExplainService } from '#internal/gen/pop44/v1/explain_pb.ts';
import { FabricService } from '#internal/gen/pop44/v1/fabric_pb.ts';
import { LiveService } from '#internal/gen/pop44/v1/live_pb.ts';
import { PeopleService } from '#internal/gen/pop44/v1/people_pb.ts';
import { PoolService } from '#internal/gen/pop44/v1/pools_pb.ts';
import { ReachService } from '#internal/gen/pop44/v1/reach_pb.ts';
import { StatusService } from '#internal/gen/pop44/v1/status_pb.ts';
import { TrustService } from '#internal/gen/pop44/v1/trust_pb.ts';
import { TunnelService } from '#internal/gen/pop44/v1/tunnels_pb.ts';
import { alarmingFrom, type CertificateFacts, certificateFacts } from '#internal/identity/identity.ts';
import type { Calls, Connection } from '#internal/rpc/rpc.ts';
import { certlessCredentials, clientCredentials, connect, serverNameOf } from '#internal/rpc/rpc.ts';
import type { Context, Daemon } from './context.ts';
import { withFailover } from './failover.ts';

type CallsOf<S> = S extends GenService<infer M> ? Calls<M> : never;

export interface Client {
  readonly pools: CallsOf<typeof PoolService>;
  readonly allocations: CallsOf<typeof AllocationService>;
  readonly tunnels: CallsOf<typeof TunnelService>;
  readonly desk: CallsOf<typeof DeskService>;
  readonly explain: CallsOf<typeof ExplainService>;
  readonly reach: CallsOf<typeof ReachService>;
  /** For sites. */
  readonly live: CallsOf<typeof LiveService>;
  readonly fabric: CallsOf<typeof FabricService>;
  readonly status: CallsOf<typeof StatusService>;
  readonly trust: CallsOf<typeof TrustService>;
  readonly people: CallsOf<typeof PeopleService>;
  readonly audit: CallsOf<typeof AuditService>;
  /** A client of this daemon alone. Throws Fault `context` when the context does not name it. */
  at(node: string): Client;
  close(): void;
}

export interface ClientOptions {
  /** Ask this daemon and no other. */
  readonly node?: string;
  /** Milliseconds for one try at one daemon; default 5,000: a create waits 2 s for its store at most. */
  readonly deadlineMs?: number;
  /** Secret of a login or a token that every call bears. */
  readonly bearer?: string;
  /** Hears why a daemon was stepped over. */
  readonly steppedOver?: (node: string, fault: Fault) => void;
  /** Hears that the certificate ends soon. */
  readonly warned?: (text: string) => void;
}

/** Reads the certificate; connects with the first call. Throws Fault `context`. */
export function openClient(context: Context, options: ClientOptions = {}): Client {
  return clientOf(context, credentialsOf(context, options.warned ?? (() => {})), options, new Set());
}

function clientOf(
  context: Context,
  credentials: ChannelCredentials,
  options: ClientOptions,
  open: Set<{ close(): void }>,
): Client {
  const daemons = chosen(context, options.node);
  const service = <M extends GenServiceMethods>(descriptor: GenService<M>): Calls<M> => {
    const connections = daemons.map(({ node, address }) => {
      const connection: Connection<M> = connect(descriptor, address, credentials, {
        serverName: serverNameOf(node),
        deadlineMs: options.deadlineMs ?? 5_000,
        bearer: () => options.bearer,
      });
      open.add(connection);
      return { node, call: connection.call };
    });
    return withFailover(descriptor, connections, {
      newRequestId: randomUUID,
      steppedOver: options.steppedOver ?? (() => {}),
      clock: realClock,
    });
  };
  const picked = new Map<string, Client>();
  return {
    pools: service(PoolService),
    allocations: service(AllocationService),
    tunnels: service(TunnelService),
    desk: service(DeskService),
    explain: service(ExplainService),
    reach: service(ReachService),
    live: service(LiveService),
    fabric: service(FabricService),
    status: service(StatusService),
    trust: service(TrustService),
    people: service(PeopleService),
    audit: service(AuditService),
    at(node) {
      const known = picked.get(node) ?? clientOf(context, credentials, { ...options, node }, open);
      picked.set(node, known);
      return known;
    },
    close() {
      for (const connection of open) connection.close();
    },
  };
}

function chosen(context: Context, node: string | undefined): readonly Daemon[] {
  if (node === undefined) return context.daemons;
  const daemon = context.daemons.find((candidate) => candidate.node === node);
  if (daemon !== undefined) return [daemon];
  const known = context.daemons.map((candidate) => candidate.node).join(', ');
  throw new Fault('context', `${context.file} names no daemon ${JSON.stringify(node)} (it names ${known})`);
}

function credentialsOf(context: Context, warned: (text: string) => void): ChannelCredentials {
  const bad = (problem: string, cause?: unknown): Fault => new Fault('context', `${context.file}: ${problem}`, cause);
  let credentials: ChannelCredentials;
  let life: CertificateFacts;
  try {
    if (context.certificate === undefined || context.key === undefined)
      return certlessCredentials(readFileSync(context.ca));
    const certificate = readFileSync(context.certificate);
    life = certificateFacts(certificate);
    credentials = clientCredentials({ ca: readFileSync(context.ca), certificate, key: readFileSync(context.key) });
  } catch (thrown) {
    throw bad(`its certificate cannot be used: ${messageOf(thrown)}`, thrown);
  }
  // TLS 1.3 would only drop the connection, after the request was sent.
  const now = realClock.wall();
  const ends = life.notAfter.toISOString();
  if (life.notAfter < now) throw bad(`its certificate ended at ${ends}`);
  if (alarmingFrom(life) <= now) warned(`${context.certificate} ends at ${ends}`);
  return credentials;
}
