// Recorder: a client that answers as told and remembers what it was asked.

import type { DescService, MessageInitShape } from '@bufbuild/protobuf';
import { create } from '@bufbuild/protobuf';
import type { Client } from '#internal/client/client.ts';
import { AllocationService } from '#internal/gen/pop44/v1/allocations_pb.ts';
import { AuditService } from '#internal/gen/pop44/v1/audit_pb.ts';
import { DeskService } from '#internal/gen/pop44/v1/desk_pb.ts';
import { FabricService } from '#internal/gen/pop44/v1/fabric_pb.ts';
import { LiveService } from '#internal/gen/pop44/v1/live_pb.ts';
import { PeopleService } from '#internal/gen/pop44/v1/people_pb.ts';
import { PoolService } from '#internal/gen/pop44/v1/pools_pb.ts';
import { ReachService } from '#internal/gen/pop44/v1/reach_pb.ts';
import { StatusService } from '#internal/gen/pop44/v1/status_pb.ts';
import { TrustService } from '#internal/gen/pop44/v1/trust_pb.ts';
import { TunnelService } from '#internal/gen/pop44/v1/tunnels_pb.ts';

type Answers = Readonly<Record<string, unknown>>;
export interface Sent {
  readonly method: string;
  readonly request: unknown;
  readonly options: unknown;
}

/** Answers as told, with an empty message otherwise; an Error among the answers is thrown. */
export function recorder(answers: Answers = {}): { readonly client: Client; readonly sent: Sent[] } {
  const sent: Sent[] = [];
  const calls = (service: DescService): unknown =>
    Object.fromEntries(
      service.methods.map((method) => {
        const answer = (request: unknown, options: unknown): unknown => {
          sent.push({ method: method.localName, request, options });
          const told = answers[method.localName] ?? {};
          if (told instanceof Error) throw told;
          return create(method.output, told as MessageInitShape<typeof method.output>);
        };
        const stream = async function* (request: unknown, options: unknown) {
          for (const each of [answers['waitApplied'] ?? []].flat()) {
            if (each instanceof Error) throw each;
            yield create(method.output, each as MessageInitShape<typeof method.output>);
          }
          sent.push({ method: method.localName, request, options });
        };
        return [
          method.localName,
          method.methodKind === 'unary'
            ? async (request: unknown, options: unknown) => answer(request, options)
            : stream,
        ];
      }),
    );
  const client = {
    pools: calls(PoolService),
    allocations: calls(AllocationService),
    tunnels: calls(TunnelService),
    desk: calls(DeskService),
    reach: calls(ReachService),
    fabric: calls(FabricService),
    status: calls(StatusService),
    live: calls(LiveService),
    trust: calls(TrustService),
    people: calls(PeopleService),
    audit: calls(AuditService),
    at: () => client,
    close: () => {},
  } as unknown as Client;
  return { client, sent };
}
