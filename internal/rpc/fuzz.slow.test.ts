import { create, type DescMethod, type DescService, toBinary } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { AllocationService } from '#internal/gen/pop44/v1/allocations_pb.ts';
import { FabricService } from '#internal/gen/pop44/v1/fabric_pb.ts';
import { LeaderService } from '#internal/gen/pop44/v1/leader_pb.ts';
import { MeshService } from '#internal/gen/pop44/v1/mesh_pb.ts';
import { PeopleService } from '#internal/gen/pop44/v1/people_pb.ts';
import { PoolService } from '#internal/gen/pop44/v1/pools_pb.ts';
import { StatusService } from '#internal/gen/pop44/v1/status_pb.ts';
import { CreateTunnelRequestSchema, TunnelService } from '#internal/gen/pop44/v1/tunnels_pb.ts';
import { cases, garbleFrom, seed } from '#internal/testkit/garble.ts';
import { deserializer, malformed } from './definition.ts';

const services: readonly DescService[] = [
  AllocationService,
  FabricService,
  LeaderService,
  MeshService,
  PeopleService,
  PoolService,
  StatusService,
  TunnelService,
];
const methods: readonly DescMethod[] = services.flatMap((service) => service.methods);

test(`garbled messages of every method are messages or malformed, and never a crash (seed ${seed}) [S1]`, () => {
  const garble = garbleFrom(seed + 1);
  // Fields of every wire type, so that each method finds some of its own.
  const right = toBinary(
    CreateTunnelRequestSchema,
    create(CreateTunnelRequestSchema, {
      change: { requestId: 'r'.repeat(20), etag: '7', dryRun: true },
      name: 'station',
      publicKey: 'k'.repeat(44),
      popIds: ['north', 'east'],
    }),
  );
  const decoders = methods.map((method) => deserializer(method.input));
  const found = { malformed: 0, messages: 0 };
  for (let at = 0; at < cases(40_000); at += 1) {
    const decode = decoders[at % decoders.length] as (typeof decoders)[number];
    const message = decode(Buffer.from(garble(right)));
    found[message === malformed ? 'malformed' : 'messages'] += 1;
  }
  expect(found.malformed).toBeGreaterThan(100);
  expect(found.messages).toBeGreaterThan(100);
});
