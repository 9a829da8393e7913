import { create } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { BlackholeSchema, PeerKeySchema, SuspensionSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { Snapshot } from '#internal/model/model.ts';
import type { RecordEvent } from '#internal/model/record.ts';
import { testKey, threePops, tunnelEvents } from '#internal/testkit/three-pops.ts';
import { changed, keyId } from '#internal/testkit/tunnel-requests.ts';
import { desired } from './desired.ts';

const self = { nodeId: 'p1', accessKeyFile: '/keys/access', interconnectKeyFile: '/keys/interconnect' };
const of = (snapshot: Snapshot) => desired(snapshot, self, new Set<string>());
const accessPeers = (snapshot: Snapshot) => [...of(snapshot).peer.values()].filter(({ link }) => link === 'p44w0');

/** Tunnel 1 of three with some fields of its own. */
const with1 = (fields: object, ...more: readonly RecordEvent[]): Snapshot => {
  const events = tunnelEvents(1, 9n).filter(({ kind }) => kind === 'tunnel');
  for (const { stored } of events) Object.assign(stored?.record ?? {}, fields);
  return changed(threePops(3), ...events, ...more);
};
const claim = (n: number, tunnelId: string): RecordEvent => ({
  kind: 'peerkey',
  id: keyId(n),
  stored: { revision: 9n, record: create(PeerKeySchema, { publicKey: testKey(n), tunnelId }) },
});

/** Metrics of a tunnel's own routes at home, when it has come by this move. */
const metricsAt = (sequence: number, contended: boolean): readonly (number | undefined)[] => {
  const here = { has: (id: string) => id === 't1', sequenceOf: () => sequence, contended: () => contended };
  const { route } = desired(threePops(3), self, here);
  const before = of(threePops(3)).route;
  return [...route].flatMap(([key, { metric }]) => (before.has(key) ? [] : [metric]));
};

test('at home a tunnel has routes of its own while the node that it came from has not let go, and no others [A3]', () => {
  expect(metricsAt(3, true)).toEqual([65_539, 65_539]);
  expect(metricsAt(3, false)).toEqual([]);
});

test('of moves that BIRD cannot count the route has the last that it can', () => {
  expect(metricsAt(30_000, true)).toEqual([95_536, 95_536]);
  expect(metricsAt(2 ** 31 - 1, true)).toEqual([95_536, 95_536]);
});

test('a suspended tunnel wants nothing on any node, though it is enabled [S2]', () => {
  const suspended = with1({ suspension: create(SuspensionSchema, { reason: 'spam' }) });
  const disabled = with1({ enabled: false });
  expect(of(suspended)).toEqual(of(disabled));
  expect(accessPeers(suspended)).toHaveLength(2);
});

describe('a next key [T6]', () => {
  test('has a peer of its own, without AllowedIPs, and changes nothing of the current one', () => {
    const before = of(with1({}));
    const { peer, ...rest } = of(with1({ nextPublicKey: testKey(50) }, claim(50, 't1')));
    const { peer: peerBefore, ...restBefore } = before;
    expect(rest).toEqual(restBefore);
    expect(peer.get(`p44w0 ${testKey(1)}`)).toEqual(peerBefore.get(`p44w0 ${testKey(1)}`));
    expect(peer.get(`p44w0 ${testKey(50)}`)).toMatchObject({ allowedIps: [], successorOf: testKey(1) });
    expect(peer.size).toBe(peerBefore.size + 1);
  });

  test.each([
    ["is another's", with1({ nextPublicKey: testKey(2) })],
    ['nobody claims', with1({ nextPublicKey: testKey(50) })],
    ['is no key', with1({ nextPublicKey: 'abc' })],
  ])('that %s has none', (_name, snapshot) => {
    expect(accessPeers(snapshot)).toEqual(accessPeers(with1({})));
  });
});

test('a blackhole is a route that BIRD learns; its configuration stays, and so does everything else [S5]', () => {
  const hole = (id: string, prefix: string): RecordEvent => ({
    kind: 'blackhole',
    id,
    stored: { revision: 9n, record: create(BlackholeSchema, { prefix }) },
  });
  const six = '20010db8004400010000000000000005';
  const before = of(threePops(3));
  const { route, ...rest } = of(
    changed(
      threePops(3),
      hole('2c1f0007', '44.31.0.7/32'),
      hole(six, '2001:db8:44:1::5/128'),
      // In no pool of ours, as only a hand writes it.
      hole('c0000201', '192.0.2.1/32'),
    ),
  );
  const { route: routeBefore, ...restBefore } = before;
  expect(rest).toEqual(restBefore);
  expect([...route.values()].filter(({ type }) => type === 'blackhole')).toEqual([
    { netns: 'pop', table: 4398, prefix: '2001:db8:44:1::5/128', type: 'blackhole' },
    { netns: 'pop', table: 4398, prefix: '44.31.0.7/32', type: 'blackhole' },
  ]);
  expect(route.size).toBe(routeBefore.size + 2);
});
