import { clone, create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { AccessKeySchema, AnycastGroupSchema, PopSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { fold, type Snapshot } from '#internal/model/model.ts';
import type { RecordEvent } from '#internal/model/record.ts';
import { testKey, threePops } from '#internal/testkit/three-pops.ts';
import { desired, shareEndpoint } from './desired.ts';

const plain = threePops(1);
const none = new Set<string>();
const mesh = { address: 'fd44:44::2', peers: [] };
const self = {
  ...{ nodeId: 'p2', interconnectKeyFile: '/k', mesh },
  edge: {
    ...{ managementPorts: [4440], hostServices: [], joinAddresses: [], strangersAddresses: [] },
    mesh: { address: mesh.address, port: 51844, peers: [] },
  },
};

/** p1 and p2 share p1's endpoint; the tunnel is placed at p1 alone. */
function grouped(from: Snapshot): Snapshot {
  const pop = from.pops.get('p1')?.record;
  const tunnel = from.tunnels.get('t1')?.record;
  if (pop === undefined || tunnel === undefined) throw new Error('p1, t1');
  const { endpoint4, endpoint6, publicKey } = pop;
  const sealedAccessKey = { p1: Uint8Array.of(1), p2: Uint8Array.of(2) };
  const group = create(AnycastGroupSchema, {
    ...{ id: 'coast', founderPopId: 'p1', endpoint4, endpoint6, endpointPort: 4500, publicKey, sealedAccessKey },
  });
  const events: RecordEvent[] = [
    { kind: 'anycast', id: 'coast', stored: { revision: 9n, record: group } },
    {
      kind: 'tunnel',
      id: 't1',
      stored: {
        revision: 9n,
        record: { ...tunnel, placement: { $typeName: 'pop44.store.v1.Placement', popIds: ['p1'] } },
      },
    },
  ];
  for (const id of ['p1', 'p2']) {
    const member = from.pops.get(id)?.record ?? create(PopSchema);
    const record = Object.assign(clone(PopSchema, member), { anycastGroupId: 'coast' });
    events.push({ kind: 'pop', id, stored: { revision: 9n, record } });
  }
  return fold(from, { revision: 9n, relisted: false, events }).snapshot;
}
const shared = grouped(plain);
const made = desired(shared, self, none);

test('a PoP of a group has its endpoint, port and key, and the tunnels of the others [N8]', () => {
  expect(made.link.get('p44w0')).toMatchObject({ listenPort: 4500, sealedPrivateKey: 'Ag==' });
  expect([...made.address.keys()]).toContain('transport lo 198.18.200.1/32');
  expect([...made.address.keys()]).not.toContain('transport lo 198.18.200.2/32');
  expect(made.bird.get('transport')?.text).toContain('route 198.18.200.1/32 unreachable');
  expect(made.peer.has(`p44w0 ${testKey(1)}`)).toBe(true);
  expect(desired(shared, { ...self, nodeId: 'p3' }, none).peer.has(`p44w0 ${testKey(1)}`)).toBe(false);
});

test('the link to the others goes through the mesh, which takes it from nobody else [N8]', () => {
  expect(made.anycast.get('p44a')).toEqual({
    ...{ name: 'p44a', number: 2, others: [1], ports: [53, 123, 443, 4500] },
    endpoints: ['198.18.200.1', '2001:db8:1:e1::1'],
  });
  expect(made.peer.get(`p44m ${testKey(201)}`)?.allowedIps).toEqual(['240.0.0.1/32', 'fd44:44::1/128']);
  expect(made.peer.get(`p44m ${testKey(203)}`)?.allowedIps).toEqual(['fd44:44::3/128']);
  expect(made.ruleset.get('transport')?.text).toContain('ip saddr { 240.0.0.1 } udp dport 4789 accept');
  expect(made.rule.get('transport 4 4401')).toMatchObject({ fwmark: 0x46, table: 4400 });
});

test('without a group nothing of that is there', () => {
  const alone = desired(plain, self, none);
  expect([alone.anycast.size, alone.rule.has('transport 4 4401')]).toEqual([0, false]);
  expect(alone.ruleset.get('transport')?.text).not.toContain('240.');
  expect(alone.peer.get(`p44m ${testKey(201)}`)?.allowedIps).toEqual(['fd44:44::1/128']);
});

test('nodes of different PoPs of a group share an endpoint, and no others', () => {
  expect(shareEndpoint(shared, 'p1', 'p2')).toBe(true);
  expect([
    shareEndpoint(shared, 'p1', 'p3'),
    shareEndpoint(shared, 'p1', 'p1'),
    shareEndpoint(plain, 'p1', 'p2'),
  ]).toEqual([false, false, false]);
});

test('while the key of a group is rotated each node has both, on the interfaces of the group, and what is for another node is sent on by either port [N8] [T6]', () => {
  const record = shared.anycasts.get('coast')?.record ?? create(AnycastGroupSchema);
  const nextAccessKey = create(AccessKeySchema, {
    ...{ publicKey: testKey(70), port: 4501, sealed: { p1: Uint8Array.of(3), p2: Uint8Array.of(4) } },
  });
  const coast = Object.assign(clone(AnycastGroupSchema, record), { nextAccessKey, accessKeyGeneration: 1 });
  const events: readonly RecordEvent[] = [{ kind: 'anycast', id: 'coast', stored: { revision: 10n, record: coast } }];
  const open = fold(shared, { revision: 10n, relisted: false, events }).snapshot;
  for (const [nodeId, current, next] of [
    ['p1', 'AQ==', 'Aw=='],
    ['p2', 'Ag==', 'BA=='],
  ] as const) {
    const { link, peer, anycast, ruleset } = desired(open, { ...self, nodeId }, none);
    expect(link.get('p44w1')).toMatchObject({ listenPort: 4500, sealedPrivateKey: current });
    expect(link.get('p44w0')).toMatchObject({ listenPort: 4501, sealedPrivateKey: next });
    expect(['p44w0', 'p44w1'].map((each) => peer.has(`${each} ${testKey(1)}`))).toEqual([true, true]);
    expect(anycast.get('p44a')?.ports).toEqual([53, 123, 443, 4500, 4501]);
    expect(ruleset.get('transport')?.text).toContain('udp dport { 4500, 4501 } ct state untracked accept');
  }
  expect(desired(open, { ...self, nodeId: 'p3' }, none).link.has('p44w1')).toBe(false);
});
