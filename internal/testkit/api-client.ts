// API client: the client of one daemon of an API network, as the CLI uses it.

import type { Client } from '#internal/client/client.ts';
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
import type { ApiDaemon, ApiNetwork } from './api-network.ts';

/** Its connections are closed with the network. */
export function apiClient(network: ApiNetwork, daemon: ApiDaemon): Client {
  const client: Client = {
    pools: network.as(PoolService, daemon),
    allocations: network.as(AllocationService, daemon),
    tunnels: network.as(TunnelService, daemon),
    desk: network.as(DeskService, daemon),
    explain: network.as(ExplainService, daemon),
    reach: network.as(ReachService, daemon),
    live: network.as(LiveService, daemon),
    fabric: network.as(FabricService, daemon),
    status: network.as(StatusService, daemon),
    trust: network.as(TrustService, daemon),
    people: network.as(PeopleService, daemon),
    audit: network.as(AuditService, daemon),
    at: () => client,
    close: () => {},
  };
  return client;
}
