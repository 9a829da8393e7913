// Health service: grpc.health.v1, as load balancers and watchdogs ask for it. All services stand and fall together: this
// daemon can tell what its node should do, and its node does it.

import { refuse } from '#internal/errors/errors.ts';
import { type Health, HealthCheckResponse_ServingStatus as Serving } from '#internal/gen/grpc/health/v1/health_pb.ts';
import { AllocationService } from '#internal/gen/pop44/v1/allocations_pb.ts';
import { AuditService } from '#internal/gen/pop44/v1/audit_pb.ts';
import { DeskService } from '#internal/gen/pop44/v1/desk_pb.ts';
import { ExplainService } from '#internal/gen/pop44/v1/explain_pb.ts';
import { FabricService } from '#internal/gen/pop44/v1/fabric_pb.ts';
import { LeaderService } from '#internal/gen/pop44/v1/leader_pb.ts';
import { MeshService } from '#internal/gen/pop44/v1/mesh_pb.ts';
import { LiveService } from '#internal/gen/pop44/v1/live_pb.ts';
import { PeopleService } from '#internal/gen/pop44/v1/people_pb.ts';
import { PoolService } from '#internal/gen/pop44/v1/pools_pb.ts';
import { ReachService } from '#internal/gen/pop44/v1/reach_pb.ts';
import { StatusService } from '#internal/gen/pop44/v1/status_pb.ts';
import { TrustService } from '#internal/gen/pop44/v1/trust_pb.ts';
import { TunnelService } from '#internal/gen/pop44/v1/tunnels_pb.ts';
import { Refused } from '#internal/rpc/rpc.ts';
import { isServing } from '#internal/status/status.ts';
import type { HandlersOf, ServiceContext } from './service.ts';

const services: readonly { readonly typeName: string }[] = [
  ...[AllocationService, AuditService, DeskService, ExplainService, FabricService, LeaderService, MeshService],
  ...[LiveService, PeopleService, PoolService, ReachService, StatusService, TrustService, TunnelService],
];
// The empty name is the server as a whole.
const served: ReadonlySet<string> = new Set(['', ...services.map(({ typeName }) => typeName)]);

export function healthHandlers(context: ServiceContext): HandlersOf<typeof Health> {
  const { dataplaneConnected, head, status } = context;
  const serving = (): Serving =>
    isServing(head.snapshot().revision, dataplaneConnected(), status.own()) ? Serving.SERVING : Serving.NOT_SERVING;

  return {
    check: async ({ service }) => {
      if (served.has(service)) return { status: serving() };
      const cure = 'a full name such as pop44.v1.StatusService, or an empty one for the server';
      throw new Refused(
        refuse('not-found', { field: 'service', value: service, problem: 'is no service of this server', cure }),
      );
    },
    list: async () => ({
      statuses: Object.fromEntries([...served].map((service) => [service, { status: serving() }])),
    }),
    watch: async function* ({ service }, { signal }) {
      let told: Serving | undefined;
      let wake: (() => void) | undefined;
      const nudge = (): void => wake?.();
      // The daemon's pulse changes its report each second, so that what no report says is seen within one.
      const forget = status.onOwn(nudge);
      signal.addEventListener('abort', nudge);
      try {
        while (!signal.aborted) {
          const now = served.has(service) ? serving() : Serving.SERVICE_UNKNOWN;
          if (now === told) {
            await new Promise<void>((resolve) => {
              wake = resolve;
            });
            continue;
          }
          told = now;
          yield { status: now };
        }
      } finally {
        forget();
        signal.removeEventListener('abort', nudge);
      }
    },
  };
}
