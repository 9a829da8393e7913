import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { desired } from '#internal/desired/desired.ts';
import { PlacementSchema, SuspensionSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { Snapshot } from '#internal/model/model.ts';
import { grouped } from '#internal/testkit/anycast-group.ts';
import { testKey, threePops, tunnelEvents } from '#internal/testkit/three-pops.ts';
import { changed } from '#internal/testkit/tunnel-requests.ts';
import { absenceOf } from './explain.ts';

const with1 = (fields: object): Snapshot => {
  const events = tunnelEvents(1, 9n).filter(({ kind }) => kind === 'tunnel');
  for (const { stored } of events) Object.assign(stored?.record ?? {}, fields);
  return changed(threePops(3), ...events);
};
const self = { nodeId: 'p1', interconnectKeyFile: '/keys/interconnect' };
const peers = (snapshot: Snapshot): number =>
  [...desired(snapshot, self, new Set<string>()).peer.values()].filter(({ link }) => link === 'p44w0').length;

// What desired leaves out has a reason, and what it carries has none.
test.each<[string, object, RegExp | undefined]>([
  ['nothing', {}, undefined],
  ['suspended', { suspension: create(SuspensionSchema, { reason: 'spam' }) }, /suspended: spam/],
  ['disabled', { enabled: false }, /disabled/],
  ['placed elsewhere', { placement: create(PlacementSchema, { popIds: ['p2'] }) }, /not placed here, but at p2/],
  ["with another's key", { publicKey: testKey(2) }, /another tunnel has the public key/],
  ['with a secret sealed to others', { sealedPresharedKey: { p2: new Uint8Array([1]) } }, /not sealed to p1/],
  ['with a secret that is none', { sealedPresharedKey: { p1: new Uint8Array() } }, /not sealed to p1/],
  ['backed by nothing', { prefixes: [] }, /no allocation backs/],
])('a tunnel that is %s', (_, fields, reason) => {
  const snapshot = with1(fields);
  const record = snapshot.tunnels.get('t1')?.record;
  if (record === undefined) throw new TypeError('t1');
  const absence = absenceOf(snapshot, record, { nodeId: 'p1', popId: 'p1' }, 'station');
  expect(peers(snapshot)).toBe(reason === undefined ? 3 : 2);
  if (reason === undefined) expect(absence).toBeUndefined();
  else expect(absence?.reason).toMatch(reason);
});

test('a tunnel that is placed at another PoP of the anycast group is carried here', () => {
  const elsewhere = with1({ placement: create(PlacementSchema, { popIds: ['p2'] }) });
  const record = elsewhere.tunnels.get('t1')?.record;
  if (record === undefined) throw new TypeError('t1');
  const shared = grouped(elsewhere, ['p2', 'p1']);
  expect(peers(shared)).toBe(3);
  expect(absenceOf(shared, record, { nodeId: 'p1', popId: 'p1' }, 'station')).toBeUndefined();
});
