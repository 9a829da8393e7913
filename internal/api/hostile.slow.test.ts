import type { DescField, DescMessage, DescMethod } from '@bufbuild/protobuf';
import { ScalarType } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Fault, type Refusal, reasons } from '#internal/errors/errors.ts';
import { AllocationService } from '#internal/gen/pop44/v1/allocations_pb.ts';
import { AuditService } from '#internal/gen/pop44/v1/audit_pb.ts';
import { FabricService } from '#internal/gen/pop44/v1/fabric_pb.ts';
import { PeopleService } from '#internal/gen/pop44/v1/people_pb.ts';
import { PoolService } from '#internal/gen/pop44/v1/pools_pb.ts';
import { ReachService } from '#internal/gen/pop44/v1/reach_pb.ts';
import { StatusService } from '#internal/gen/pop44/v1/status_pb.ts';
import { TrustService } from '#internal/gen/pop44/v1/trust_pb.ts';
import { TunnelService } from '#internal/gen/pop44/v1/tunnels_pb.ts';
import { type CallOptions, Refused } from '#internal/rpc/rpc.ts';
import type { ApiDaemon, ApiNetwork } from '#internal/testkit/api-network.ts';
import { apiNetwork } from '#internal/testkit/api-network.ts';
import { memoryStore } from '#internal/testkit/memory-store.ts';
import { createSmallFabric, publicKey } from '#internal/testkit/requests.ts';

let network: ApiNetwork;
let daemon: ApiDaemon;
beforeAll(async () => {
  network = await apiNetwork(memoryStore().follower, ['p1']);
  [daemon] = network.daemons as [ApiDaemon];
  await createSmallFabric(network.as(FabricService, daemon), network.as(PoolService, daemon), 2);
});
afterAll(() => network[Symbol.asyncDispose]());

// What a hand, another language's client or an attacker sends, and enough that is right to get past the first check.
const nasty = [
  '',
  ' ',
  'p1',
  '../p1',
  'p1/../../log',
  '44.31.0.0/22',
  '44.31.0.1/22',
  '44.31.0.8/29',
  '44.192.0.0/16',
  '044.031.0.0/22',
  '2001:db8:44::/48',
  '2001:DB8:44::/48',
  '::ffff:44.31.0.0/118',
  '0.0.0.0/0',
  '198.18.1.2',
  'fe80::1%eth0',
  'fd44:44::9',
  publicKey(),
  'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=',
  'null',
  '__proto__',
  'constructor',
  'a\nPostUp = reboot',
  'a";drop protocol all;"',
  '\u0000',
  '\u{1F4E1}'.repeat(60),
  '\u202Egnp.exe',
  'x'.repeat(100_000),
  '18446744073709551616',
];
const text = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...nasty) },
  fc.string({ unit: 'binary' }).map((made) => made.toWellFormed()),
);
const number = fc.constantFrom(0, 1, 2, 25, 1280, 1420, 51820, 65_535, 65_536, 4_200_000_001, 4_294_967_295);

function scalar(type: ScalarType): fc.Arbitrary<unknown> {
  switch (type) {
    case ScalarType.STRING:
      return text;
    case ScalarType.BOOL:
      return fc.boolean();
    case ScalarType.INT64:
      return fc.constantFrom(0n, 1n, -(2n ** 63n), 2n ** 63n - 1n);
    case ScalarType.INT32:
      return fc.constantFrom(0, 1, -(2 ** 31), 2 ** 31 - 1);
    case ScalarType.UINT64:
      return fc.constantFrom(0n, 1n, 2n ** 63n, 2n ** 64n - 1n);
    case ScalarType.BYTES:
      return fc.uint8Array();
    default:
      return number;
  }
}

function value(field: DescField): fc.Arbitrary<unknown> {
  switch (field.fieldKind) {
    case 'scalar':
      return scalar(field.scalar);
    case 'enum':
      return fc.constantFrom(0, 1, 2, 3, 99, -1);
    case 'message':
      return message(field.message);
    case 'list':
      if (field.listKind === 'enum') return fc.constant([]);
      return fc.array(field.listKind === 'scalar' ? scalar(field.scalar) : message(field.message), { maxLength: 4 });
    case 'map':
      return fc.constant({});
  }
}

/** Some fields set, others not. */
function message(descriptor: DescMessage): fc.Arbitrary<Record<string, unknown>> {
  const fields = Object.fromEntries(descriptor.fields.map((field) => [field.localName, value(field)]));
  return fc.record(fields, { requiredKeys: [] });
}

const services = [
  FabricService,
  PoolService,
  AllocationService,
  TunnelService,
  ReachService,
  StatusService,
  TrustService,
  PeopleService,
  AuditService,
];
const methods: readonly (readonly [string, (typeof services)[number], DescMethod])[] = services.flatMap((service) =>
  service.methods
    .filter(({ methodKind }) => methodKind === 'unary')
    .map((method) => [`${method.parent.name}.${method.name}`, service, method] as const),
);

const outcome = async (answer: Promise<unknown> | undefined): Promise<{ readonly refusal?: Refusal }> => {
  try {
    await answer;
    return {};
  } catch (thrown) {
    if (thrown instanceof Refused) return thrown;
    if (thrown instanceof Fault && thrown.code === 'cancelled') return {};
    throw thrown;
  }
};

test.each(methods)('whatever is sent to %s is answered or refused in our words', async (_, service, method) => {
  const calls = network.as(service as typeof PoolService, daemon) as unknown as Record<
    string,
    (request: unknown, options: CallOptions) => Promise<unknown>
  >;
  // Between its two scans it waits for as long as it is told: by then it has taken the request.
  const patience = (): CallOptions =>
    method === PoolService.method.checkPools ? { signal: AbortSignal.timeout(100) } : {};
  await fc.assert(
    fc.asyncProperty(message(method.input), async (request) => {
      const { refusal } = await outcome(calls[method.localName]?.(request, patience()));
      expect(reasons).toContain(refusal?.refused ?? 'invalid');
      expect(refusal?.message).not.toBe('');
      expect(refusal?.message.length ?? 0).toBeLessThanOrEqual(1_000);
      expect(refusal?.value.length ?? 0).toBeLessThanOrEqual(80);
      expect(daemon.unexpected).toEqual([]);
    }),
    { numRuns: 25 },
  );
});

test('there are methods to send to', () => {
  expect(methods.length).toBeGreaterThan(15);
});
