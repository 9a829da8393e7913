import { X509Certificate } from 'node:crypto';
import { clone, create, type DescMethod } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import {
  AuthoritySchema,
  NodeCertificateSchema,
  NodeSchema,
  PopKind,
  PopSchema,
} from '#internal/gen/pop44/store/v1/records_pb.ts';
import { AllocationService } from '#internal/gen/pop44/v1/allocations_pb.ts';
import { DeskService } from '#internal/gen/pop44/v1/desk_pb.ts';
import { ExplainService } from '#internal/gen/pop44/v1/explain_pb.ts';
import { FabricService } from '#internal/gen/pop44/v1/fabric_pb.ts';
import { LeaderService } from '#internal/gen/pop44/v1/leader_pb.ts';
import { MeshService } from '#internal/gen/pop44/v1/mesh_pb.ts';
import { PoolService } from '#internal/gen/pop44/v1/pools_pb.ts';
import { StatusService } from '#internal/gen/pop44/v1/status_pb.ts';
import { TrustService } from '#internal/gen/pop44/v1/trust_pb.ts';
import { TunnelService } from '#internal/gen/pop44/v1/tunnels_pb.ts';
import { authorityId, createCa } from '#internal/identity/identity.ts';
import { fold, type Snapshot } from '#internal/model/model.ts';
import type { RecordEvent } from '#internal/model/record.ts';
import { threePops } from '#internal/testkit/three-pops.ts';
import { gatekeeper } from './policy.ts';

const admission = (snapshot: () => Snapshot, at: typeof clock) => gatekeeper(snapshot, () => undefined, at).admit;

const now = new Date('2026-11-25T12:00:00Z');
const clock = { wall: () => now };
const key = (byte: number) => ({
  ...{ publicKey: Buffer.alloc(8), publicKeyHash: Buffer.alloc(32, byte).toString('hex') },
  ...{ issuer: 'CN=ours', endsMs: now.getTime() + 1_000 },
});
const ask = (snapshot: Snapshot, kind: 'node' | 'admin', id: string, certificate = key(1)): string =>
  admission(() => snapshot, clock)({ kind, id, certificate }, StatusService.method.getStatus)?.refused ?? 'admitted';
const after = (...events: RecordEvent[]): Snapshot =>
  fold(threePops(), { revision: 9n, relisted: false, events }).snapshot;

const node = threePops().nodes.get('p1')?.record;
const revoked = clone(NodeSchema, node ?? create(NodeSchema));
revoked.revokedAt = timestampFromDate(now);
const given = create(NodeCertificateSchema, { nodeId: 'p1', publicKeyHash: Buffer.alloc(32, 1) });
const certificate: RecordEvent = { kind: 'certificate', id: 'p1', stored: { record: given, revision: 9n } };

test('a certificate is honoured for a node of the snapshot alone [S6]', () => {
  expect(ask(threePops(), 'node', 'p1')).toBe('admitted');
  expect(ask(threePops(), 'node', 'p9')).toBe('forbidden');
  expect(ask(after({ kind: 'node', id: 'p1' }), 'node', 'p1')).toBe('forbidden');
});

test('a revoked node is refused, its neighbours are not [S6]', () => {
  const out = after({ kind: 'node', id: 'p1', stored: { record: revoked, revision: 9n } });
  expect(ask(out, 'node', 'p1')).toBe('revoked');
  expect(ask(out, 'node', 'p2')).toBe('admitted');
});

test('a node is known by the key that it was given a certificate for [S6]', () => {
  expect(ask(after(certificate), 'node', 'p1', key(1))).toBe('admitted');
  expect(ask(after(certificate), 'node', 'p1', key(2))).toBe('unauthenticated');
});

test('a certificate that has ended is refused on a connection that outlived it, of an admin too [S6]', () => {
  const ended = { ...key(1), endsMs: now.getTime() - 1 };
  expect(ask(threePops(), 'node', 'p1', ended)).toBe('expired');
  expect(ask(threePops(), 'admin', 'ada', ended)).toBe('expired');
});

const services = [
  AllocationService,
  DeskService,
  ExplainService,
  FabricService,
  LeaderService,
  MeshService,
  PoolService,
]
  .flatMap((service): readonly DescMethod[] => service.methods)
  .concat(StatusService.methods, TrustService.methods, TunnelService.methods);
const looks = /^(Get|List)|^(Whois|Explain|ExplainFailure|WaitApplied)$/;

/** All that p1 may call where its PoP is of this kind. */
function open(kind: PopKind, as: 'node' | 'admin' = 'node'): readonly string[] {
  const pop = threePops().pops.get('p1')?.record;
  const record = Object.assign(clone(PopSchema, pop ?? create(PopSchema)), { kind });
  const admit = admission(() => after({ kind: 'pop', id: 'p1', stored: { record, revision: 9n } }), clock);
  return services
    .filter((method) => admit({ kind: as, id: 'p1', certificate: key(1) }, method) === undefined)
    .map(({ name }) => name)
    .filter((name) => kind === PopKind.MICRO || !looks.test(name))
    .sort();
}

test('a certificate of a CA that was retired opens nothing, a connection that stands neither [S6]', async () => {
  const { certificatePem } = await createCa('before', { now, validForMs: 3_600_000 });
  const { raw, subject } = new X509Certificate(certificatePem);
  const id = authorityId(new X509Certificate(certificatePem));
  const record = create(AuthoritySchema, { id, certificate: new Uint8Array(raw), addedAt: timestampFromDate(now) });
  const event = (of: typeof record): RecordEvent => ({ kind: 'authority', id, stored: { record: of, revision: 9n } });
  const retired = Object.assign(clone(AuthoritySchema, record), { retiredAt: timestampFromDate(now) });
  const garbled = Object.assign(clone(AuthoritySchema, retired), { certificate: new Uint8Array(9) });
  const of = { ...key(1), issuer: subject };
  for (const kind of ['node', 'admin'] as const) {
    expect(ask(after(event(record)), kind, 'p1', of)).toBe('admitted');
    expect(ask(after(event(retired)), kind, 'p1', of)).toBe('revoked');
    expect(ask(after(event(retired)), kind, 'p1', key(1))).toBe('admitted');
    expect(ask(after(event(garbled)), kind, 'p1', of)).toBe('admitted');
  }
});

test('a node looks, and does what daemons do for each other; what people ask for is for admins alone [S6]', () => {
  const own = [
    'AskFlows',
    'AskReach',
    'CarryFlows',
    'Forward',
    'OrderTakeover',
    'RenewCertificate',
    'RotateInterconnectKey',
    'Stream',
    'TellUsage',
    'TellWhereabouts',
  ];
  expect(open(PopKind.CORE)).toEqual(own);
  // What an admin asks a CORE for; a REGIONAL that was broken into moves nobody's PoP.
  expect(open(PopKind.REGIONAL)).toEqual(own.filter((name) => name !== 'OrderTakeover'));
  expect(open(PopKind.MICRO)).toEqual(['RenewCertificate']);
  const people = open(PopKind.CORE, 'admin');
  expect(people).toEqual(expect.arrayContaining(['AllocateMany', 'CreateJoinToken', 'RevokeNode', 'SetPopAccessKey']));
  for (const name of ['Forward', 'RenewCertificate', 'Stream', 'TellUsage']) expect(people).not.toContain(name);
});
