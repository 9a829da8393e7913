import { create, toBinary, toJsonString } from '@bufbuild/protobuf';
import { TimestampSchema } from '@bufbuild/protobuf/wkt';
import { assert, constantFrom, nat, oneof, property, string, uint8Array } from 'fast-check';
import { expect, test } from 'vitest';
import {
  AccessKeySchema,
  AllocationSchema,
  AnycastGroupSchema,
  AuthoritySchema,
  BlackholeSchema,
  JoinTokenSchema,
  NodeCertificateSchema,
  NodeSchema,
  OperationSchema,
  PoolSchema,
  QuotaSchema,
  ReservationSchema,
  SlabSchema,
  SuspensionSchema,
} from '#internal/gen/pop44/store/v1/records_pb.ts';
import { recordSchemas } from '#internal/model/model.ts';
import { type RecordKind, type Records, recordKinds } from '#internal/model/record.ts';
import { fabricEvents, testKey, tunnelEvents } from '#internal/testkit/three-pops.ts';
import { decodeOperation, decodeRecord, encodeRecord, isUnreadable, largestValue, recordBytes } from './codec.ts';
import { operationKey, parseRecordKey, recordKey, shownKey } from './keys.ts';

interface Sample {
  readonly kind: RecordKind;
  readonly id: string;
  readonly record: Records[RecordKind];
}

const poolId = '4-2c1f0000-22';
const until = { seconds: 1_800_000_000n };
/** What a fabric that has just begun has none of. */
const later: readonly Sample[] = [
  {
    kind: 'anycast',
    id: 'coast',
    record: create(AnycastGroupSchema, {
      ...{ id: 'coast', founderPopId: 'p1', endpoint4: '198.18.200.1', endpoint6: '2001:db8:1:e1::1' },
      ...{ endpointPort: 51820, publicKey: testKey(101), createdAt: until, accessKeyGeneration: 1 },
    }),
  },
  {
    kind: 'pool',
    id: '4-2c1f0000-23',
    record: create(PoolSchema, {
      id: '4-2c1f0000-23',
      realmId: 'internet',
      // Grown.
      prefix: '44.31.0.0/20',
      slabLength: 24,
      parentPoolId: '4-2c1f0000-16',
      homePopId: 'p1',
      quarantineSeconds: 0,
      drainToPoolId: '4-2c200000-16',
    }),
  },
  {
    kind: 'slab',
    id: `${poolId}/2c1f0400`,
    // The pool has grown since its id was made.
    record: create(SlabSchema, {
      poolId,
      prefix: '44.31.4.0/24',
      unitLength: 24,
      homePopId: 'p1',
      delegatedPoolId: '4-2c1f0400-24',
    }),
  },
  ...[
    { prefix: '44.31.0.200/32', owner: 'admin/ada' },
    { prefix: '44.31.0.201/32', owner: 'admin/ada', quarantinedUntil: until },
    { prefix: '44.31.0.208/28', delegatedPoolId: '4-2c1f00d0-28' },
  ].map(
    ({ prefix, ...rest }): Sample => ({
      kind: 'allocation',
      id: `${poolId}/2c1f00${Number(prefix.split(/[./]/)[3]).toString(16)}`,
      record: create(AllocationSchema, { poolId, prefix, ...rest }),
    }),
  ),
  {
    kind: 'reservation',
    id: `${poolId}/2c1f0300-28`,
    record: create(ReservationSchema, { poolId, prefix: '44.31.3.0/28', owner: 'admin/ada', description: 'routers' }),
  },
  {
    kind: 'quota',
    id: 'admin/ada',
    record: create(QuotaSchema, { owner: 'admin/ada', limit4: 8n, used4: 1n, used6: 256n }),
  },
  {
    kind: 'blackhole',
    id: '2c1f004d',
    record: create(BlackholeSchema, { prefix: '44.31.0.77/32', reason: 'flood', by: 'admin/ada', expiresAt: until }),
  },
  {
    kind: 'jointoken',
    id: '00112233445566aa',
    record: create(JoinTokenSchema, {
      ...{ id: '00112233445566aa', secretHash: new Uint8Array(32), node: create(NodeSchema, { id: 'p4' }) },
      ...{ createdAt: create(TimestampSchema, { seconds: 1n }), expiresAt: create(TimestampSchema, { seconds: 2n }) },
    }),
  },
  {
    kind: 'certificate',
    id: 'p1',
    record: create(NodeCertificateSchema, {
      ...{ nodeId: 'p1', publicKeyHash: new Uint8Array(32), authorityHash: new Uint8Array(32), serial: '01ab' },
      ...{ notBefore: create(TimestampSchema, { seconds: 1n }), notAfter: create(TimestampSchema, { seconds: 2n }) },
    }),
  },
  {
    kind: 'authority',
    id: 'ab'.repeat(32),
    record: create(AuthoritySchema, {
      ...{ id: 'ab'.repeat(32), certificate: new Uint8Array(450), addedAt: create(TimestampSchema, { seconds: 1n }) },
      ...{ vouchedBy: 'cd'.repeat(32), voucher: new Uint8Array(70) },
    }),
  },
];

const samples: readonly Sample[] = [
  ...[...fabricEvents(), ...tunnelEvents(7, 3n)].flatMap(({ kind, id, stored }) =>
    stored === undefined ? [] : [{ kind, id, record: stored.record }],
  ),
  ...later,
];

/** The first sample of a kind with some fields changed, as bytes, and what reading them gives. */
function changed(kind: RecordKind, fields: object, id?: string) {
  const sample = samples.find((each) => each.kind === kind);
  if (sample === undefined) throw new Error(`no sample of ${kind}`);
  return decodeRecord(
    kind,
    id ?? sample.id,
    recordBytes(kind, { ...sample.record, ...fields } as typeof sample.record),
  );
}

const timeOf = (seconds: bigint, nanos = 0) => create(TimestampSchema, { seconds, nanos });

const nextKey = (fields: object = {}) => ({
  nextAccessKey: create(AccessKeySchema, {
    ...{ publicKey: testKey(9), port: 51_821, sealed: { p1: new Uint8Array(232), '@recovery': new Uint8Array(232) } },
    ...{ since: timeOf(1n), takesOverAt: timeOf(2n), ...fields },
  }),
});

test('a PoP whose key is rotated, and a node with a heartbeat, are read', () => {
  expect(changed('pop', { ...nextKey(), accessKeyGeneration: 3 })).toMatchObject({ accessKeyGeneration: 3 });
  expect(changed('node', { heartbeat: '10.0.0.9' })).toMatchObject({ heartbeat: '10.0.0.9' });
  expect(changed('node', { heartbeat: 'fd00::9' })).toMatchObject({ heartbeat: 'fd00::9' });
});

test('there is a sample of every kind', () => {
  expect(new Set(samples.map(({ kind }) => kind))).toEqual(new Set(recordKinds));
});

test('what is written is read back the same, under a key that reads back the same', () => {
  for (const { kind, id, record } of samples) {
    expect(decodeRecord(kind, id, encodeRecord(kind, id, record)), `${kind} ${id}`).toEqual(record);
    expect(parseRecordKey(recordKey(kind, id))).toEqual({ kind, id });
  }
});

test('fields of a newer daemon survive', () => {
  for (const { kind, id, record } of samples) {
    // Field 500, length-delimited, "new".
    const newer = Buffer.concat([recordBytes(kind, record), Buffer.from([0xa2, 0x1f, 3, 0x6e, 0x65, 0x77])]);
    const read = decodeRecord(kind, id, newer);
    if (isUnreadable(read)) throw new Error(read.problem);
    expect(Buffer.from(encodeRecord(kind, id, read))).toEqual(newer);
  }
});

test('a record does not hold on to the message that it came in', () => {
  const sample = samples.find(({ kind }) => kind === 'tunnel');
  if (sample === undefined) throw new Error('no tunnel');
  const sealed = recordBytes('tunnel', {
    ...sample.record,
    sealedPresharedKey: { p1: Buffer.from('sealed') },
  } as never);
  const message = Buffer.concat([Buffer.alloc(100_000), sealed]);
  const read = decodeRecord('tunnel', sample.id, message.subarray(100_000));
  if (isUnreadable(read)) throw new Error(read.problem);
  expect(read.sealedPresharedKey['p1']?.buffer).not.toBe(message.buffer);
});

test('no bytes under any key make it throw, and what it takes could have been written', () => {
  const ids = oneof(string(), constantFrom('', '__proto__', 'constructor', ...samples.map(({ id }) => id)));
  const ours = constantFrom(...samples.map((s) => recordBytes(s.kind, s.record)));
  assert(
    property(constantFrom(...recordKinds), ids, oneof(uint8Array({ maxLength: 200 }), ours), (kind, id, value) => {
      const read = decodeRecord(kind, id, value);
      if (!isUnreadable(read)) expect(decodeRecord(kind, id, encodeRecord(kind, id, read))).toEqual(read);
    }),
    { numRuns: 3_000 },
  );
});

test('a record of ours that was damaged in one byte is read as a record that can be shown, or not at all', () => {
  assert(
    property(constantFrom(...samples), nat(), nat(255), ({ kind, id, record }, at, byte) => {
      const bytes = recordBytes(kind, record);
      const read = decodeRecord(kind, id, bytes.with(at % bytes.length, byte));
      if (!isUnreadable(read)) expect(() => toJsonString(recordSchemas[kind], read)).not.toThrow();
    }),
    { numRuns: 3_000 },
  );
});

test.each<[name: string, kind: RecordKind, fields: object, id?: string]>([
  ['another id than the key', 'tunnel', {}, 't8'],
  ['an id with a line break', 'pop', { id: 'p\n1' }, 'p\n1'],
  ['an id that climbs', 'realm', { id: '..' }, '..'],
  ['__proto__', 'node', { id: '__proto__' }, '__proto__'],
  ['a uid of another length', 'network', { uid: 'abc' }],
  ["the kernel's main table", 'realm', { table: 254 }],
  ['no table', 'realm', { table: 0 }],
  ['an unknown kind of PoP', 'pop', { kind: 9 }],
  ['no kind of PoP', 'pop', { kind: 0 }],
  ['an IPv6 endpoint in the IPv4 field', 'pop', { endpoint4: '2001:db8::1' }],
  ['an endpoint that is not canonical', 'pop', { endpoint6: '2001:DB8::1' }],
  ['an endpoint with a command', 'pop', { endpoint4: '198.18.0.1; reboot' }],
  ['a terminal escape in a description', 'pop', { description: '\u001b[2J' }],
  ['no endpoint port', 'pop', { endpointPort: 0 }],
  ['a short key', 'pop', { publicKey: 'abc=' }],
  ['a public ASN', 'node', { asn: 64_500 }],
  ['a heartbeat with a rule of nft', 'node', { heartbeat: '0.0.0.0/0 accept\nip saddr 10.0.0.9' }],
  ['a heartbeat that is a prefix', 'node', { heartbeat: '10.0.0.8/31' }],
  ['a heartbeat of no machine', 'node', { heartbeat: '0.0.0.0' }],
  ['a next access key that is none', 'pop', nextKey({ publicKey: 'abc=' })],
  ['a next access key without a port', 'pop', nextKey({ port: 0 })],
  ['a next access key with a port beyond 16 bits', 'pop', nextKey({ port: 70_000 })],
  ['a next access key sealed to what is no id', 'pop', nextKey({ sealed: { 'p 1': new Uint8Array(232) } })],
  ['a next access key sealed to nothing', 'pop', nextKey({ sealed: { p1: new Uint8Array() } })],
  ['a next access key of a megabyte', 'pop', nextKey({ sealed: { p1: new Uint8Array(1_000_000) } })],
  ['a next access key of a group that is none', 'anycast', nextKey({ publicKey: 'abc=' })],
  ['a next access key since never', 'pop', nextKey({ since: undefined })],
  ['a next access key that never takes over', 'pop', nextKey({ takesOverAt: undefined })],
  ['a next access key that takes over after the last day', 'pop', nextKey({ takesOverAt: timeOf(1n << 60n) })],
  ['an access key of a megabyte', 'pop', { sealedAccessKey: { p1: new Uint8Array(1_000_000) } }],
  ['more access keys than a century has', 'pop', { accessKeyGeneration: 4_294_967_295 }],
  ['no loopback', 'node', { loopback4: '' }],
  ['an id longer than the languages of others take', 'upstream', { id: 'u'.repeat(33) }, 'u'.repeat(33)],
  ['a neighbour that BIRD cannot have, link-local', 'upstream', { neighbor6: 'fe80::1' }],
  ['a neighbour that BIRD cannot have, multicast', 'upstream', { neighbor4: '224.0.0.1' }],
  ['an endpoint that is no machine', 'pop', { endpoint4: '0.0.0.0' }],
  ['no underlay at all', 'node', { underlay4: '', underlay6: '' }],
  ['a link of multicast', 'interconnect', { link4: '224.0.0.0/31' }],
  ['nodes in the wrong order', 'interconnect', { nodeA: 'p2', nodeB: 'p1' }],
  ['a link that is no /31', 'interconnect', { link4: '172.30.0.0/30' }],
  ['an unknown plane', 'upstream', { plane: 3 }],
  ['ASN 0', 'upstream', { neighborAsn: 0 }],
  ['a pool with host bits', 'pool', { prefix: '44.31.0.1/22' }],
  ['a pool outside of what its id can grow to', 'pool', { prefix: '45.31.0.0/22' }],
  ['a pool of the other family', 'pool', { prefix: '2001:db8:44::/48' }],
  ['slabs of another length than the id says', 'pool', { slabLength: 25 }],
  ['a pool smaller than a slab', 'pool', { prefix: '44.31.0.0/25' }],
  ['a parent that is no pool', 'pool', { parentPoolId: '44.31.0.0/16' }],
  ['a pool that is its own parent', 'pool', { parentPoolId: '4-2c1f0000-22' }],
  ['a pool that drains to itself', 'pool', { drainToPoolId: '4-2c1f0000-22' }],
  ['a home that is no id', 'pool', { homePopId: 'p 1' }],
  ['a quarantine of more than 30 days', 'pool', { quarantineSeconds: 2_592_001 }],
  ['a time after the last', 'pool', { createdAt: timeOf(1n << 60n) }],
  ['a time between two', 'pool', { createdAt: timeOf(1n, -1) }],
  ['a slab outside of what its pool can grow to', 'slab', { prefix: '45.32.0.0/24' }, '4-2c1f0000-22/2d200000'],
  ['a slab that is delegated to its own pool', 'slab', { delegatedPoolId: '4-2c1f0000-22' }],
  ['a slab of another key', 'slab', { prefix: '44.31.1.0/24' }],
  ['units larger than the slab', 'slab', { unitLength: 16 }],
  ['a blackhole of more than one address', 'blackhole', { prefix: '44.31.0.77/31' }],
  ['a blackhole of another key', 'blackhole', { prefix: '44.31.0.78/32' }],
  ['a blackhole of everybody', 'blackhole', { prefix: '0.0.0.0/32' }, '00000000'],
  ['a next key that is none', 'tunnel', { nextPublicKey: 'abc' }],
  ['a reason with a terminal escape', 'tunnel', { suspension: create(SuspensionSchema, { reason: '\u001b[2J' }) }],
  ['an allocation of another key', 'allocation', { prefix: '44.31.0.8/32' }],
  [
    'an allocation whose pool is not spelled the one way',
    'allocation',
    { poolId: '4-2C1F0000-22' },
    '4-2C1F0000-22/2c1f0007',
  ],
  ['an allocation in use and delegated', 'allocation', { delegatedPoolId: '4-2c1f0007-32' }],
  ['an allocation in use and in quarantine', 'allocation', { quarantinedUntil: timeOf(until.seconds) }],
  [
    'an allocation in quarantine and delegated',
    'allocation',
    {
      tunnelId: '',
      delegatedPoolId: '4-2c1f0007-32',
      quarantinedUntil: timeOf(until.seconds),
    },
  ],
  ['a delegation to what is no pool', 'allocation', { tunnelId: '', delegatedPoolId: 'x' }],
  ['a quarantine until no time', 'allocation', { tunnelId: '', quarantinedUntil: timeOf(-1n << 62n) }],
  ['a reservation of another length than its key', 'reservation', { prefix: '44.31.3.0/29' }],
  ['a reservation for no owner', 'reservation', { owner: '-' }],
  ['a quota of another owner', 'quota', { owner: 'admin/eve' }],
  ['a token of no hash', 'jointoken', { secretHash: new Uint8Array(31) }],
  ['a token without a node', 'jointoken', { node: undefined }],
  ['a token for ever', 'jointoken', { expiresAt: undefined }],
  ['a token of another key', 'jointoken', {}, '00112233445566ab'],
  ['a certificate of another node', 'certificate', { nodeId: 'p2' }],
  ['a certificate without an end', 'certificate', { notAfter: undefined }],
  ['a certificate of no key', 'certificate', { publicKeyHash: new Uint8Array() }],
  ['a certificate of no number', 'certificate', { serial: 'XY' }],
  ['a CA of another key', 'authority', {}, 'cd'.repeat(32)],
  ['a CA without a certificate', 'authority', { certificate: new Uint8Array() }],
  ['a CA of a megabyte', 'authority', { certificate: new Uint8Array(1_000_000) }],
  ['a CA that was never added', 'authority', { addedAt: undefined }],
  ['a CA that nobody vouches for with a signature', 'authority', { vouchedBy: '' }],
  ['a CA that somebody vouches for without one', 'authority', { voucher: new Uint8Array() }],
  ['a CA that is retired by what is none', 'authority', { retiredBy: 'x', retirement: new Uint8Array(70) }],
  ['a CA that signs since no time', 'authority', { signsSince: timeOf(0n, -1) }],
  ['a node revoked at no time', 'node', { revokedAt: timeOf(0n, -1) }],
  ['a quota of no owner', 'quota', { owner: 'admin ada' }, 'admin ada'],
  ['an allocation for a hostile tunnel', 'allocation', { tunnelId: 'x; drop' }],
  ['a tunnel without a key', 'tunnel', { publicKey: '' }],
  ['a keepalive beyond 16 bits', 'tunnel', { keepaliveSeconds: 70_000 }],
  ['a placement on what is no id', 'tunnel', { placement: { $typeName: 'pop44.store.v1.Placement', popIds: ['p1 '] } }],
  ['a key claimed under another key', 'peerkey', { publicKey: testKey(8) }],
])('%s is not read', (_name, kind, fields, id) => {
  expect(changed(kind, fields, id)).toEqual({ problem: expect.stringMatching(/^[\w. :/]+$/) });
});

test('nothing is written that could not be read', () => {
  const [sample] = samples.filter(({ kind }) => kind === 'realm');
  if (sample === undefined) throw new Error('no realm');
  expect(() => encodeRecord('realm', 'other', sample.record)).toThrow(/realm other: id is not the one of the key/);
  const large = { ...sample.record, description: 'x'.repeat(largestValue) } as typeof sample.record;
  expect(() => encodeRecord('realm', sample.id, large)).toThrow(/bytes/);
  expect(decodeRecord('realm', sample.id, recordBytes('realm', large))).toEqual({
    problem: expect.stringMatching(/bytes/),
  });
});

test.each([
  ['/pop44/v1/pop/p1', { kind: 'pop', id: 'p1' }],
  ['/pop44/v1/allocation/4-2c1f0000-22/2c1f0007', { kind: 'allocation', id: '4-2c1f0000-22/2c1f0007' }],
  ['/pop44/v1/pop/', { kind: 'pop', id: '' }],
  ['/pop44/v1/pop', undefined],
  ['/pop44/v1/__proto__/x', undefined],
  ['/pop44/v1/quarantine/x', undefined],
  ['/pop44/v2/pop/p1', undefined],
  ['', undefined],
])('the key %j is read as %j', (key, parsed) => {
  expect(parseRecordKey(key)).toEqual(parsed);
});

test('a key of any bytes is shown in printable characters', () => {
  assert(
    property(string({ unit: 'binary', maxLength: 300 }), (key) => {
      expect(shownKey(key)).toMatch(/^[\x20-\x7e]*$/);
      expect(shownKey(key).length).toBeLessThanOrEqual(1_300);
    }),
  );
  expect(shownKey('/a\\b\n')).toBe('/a\\x5cb\\x0a');
});

test('an operation stands under its own request id and no other', () => {
  expect(operationKey('r.1_A-z')).toBe('/pop44/log/v1/operation/r.1_A-z');
  for (const id of ['', 'a/b', '..'.repeat(40), 'a\n']) expect(() => operationKey(id)).toThrow(RangeError);
  const bytes = toBinary(OperationSchema, create(OperationSchema, { requestId: 'a' }));
  expect(decodeOperation('a', bytes).requestId).toBe('a');
  expect(() => decodeOperation('b', bytes)).toThrow(/another request/);
  expect(() => decodeOperation('a', Buffer.from([0xff]))).toThrow(/not an operation/);
});
