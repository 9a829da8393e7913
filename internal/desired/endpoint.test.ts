import { clone } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import type { Dataplane } from '#internal/dataplane/dataplane.ts';
import { EndpointMode, type Pop, PopSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { Snapshot } from '#internal/model/model.ts';
import { pairSnapshot } from '#internal/testkit/pair.ts';
import { threePops } from '#internal/testkit/three-pops.ts';
import { changed } from '#internal/testkit/tunnel-requests.ts';
import { desired } from './desired.ts';

const lan = { endpointMode: EndpointMode.L2, gateway4: '198.18.3.1', gateway6: '2001:db8:1:3::1' };
function of(snapshot: Snapshot, fields: Partial<Pop> = lan): Dataplane {
  const pop = snapshot.pops.get('p3')?.record;
  if (pop === undefined) throw new Error('no p3');
  const record = Object.assign(clone(PopSchema, pop), fields);
  const onLan = changed(snapshot, { kind: 'pop', id: 'p3', stored: { revision: 9n, record } });
  const before = changed(onLan, { kind: 'upstream', id: 'p3-transport' });
  return desired(before, { nodeId: 'p3', interconnectKeyFile: '/keys/interconnect' }, new Set<string>());
}
const floating = [
  { family: 4, address: '44.27.0.3', gateway: '198.18.3.1' },
  { family: 6, address: '2001:db8:1:e3::1', gateway: '2001:db8:1:3::1' },
];
const transportRoutes = (made: Dataplane): readonly string[] =>
  [...made.route.values()].flatMap(({ netns, prefix }) => (netns === 'transport' ? [prefix] : []));

test('an endpoint on a LAN stands there, and nowhere else; BIRD says nothing of it [N7]', () => {
  for (const snapshot of [threePops(), pairSnapshot()]) {
    const made = of(snapshot);
    expect([...made.floating.values()]).toEqual(floating);
    expect([...made.address.keys()].filter((key) => key.startsWith('transport'))).toEqual([]);
    expect(made.bird.get('transport')?.text).not.toContain('44.27.0.3');
    expect(made.bird.get('transport')?.text).not.toContain('p44kernel');
    // What is sent from it goes by the way that goes with it.
    expect(made.rule.get('transport 4 4400')).toMatchObject({ fwmark: 0x44, table: 4400 });
  }
});

test('of a pair the role is still told by BIRD, and the way out is asked of the gateways [N7]', () => {
  const made = of(pairSnapshot());
  expect([...made.pair.values()]).toMatchObject([{ gateway4: '198.18.3.1', gateway6: '2001:db8:1:3::1' }]);
  expect(transportRoutes(made)).toEqual(['192.0.0.8/32', '192.0.0.170/32', '100::/128', '100::1/128']);
  expect(made.ruleset.get('transport')?.text).toContain('udp dport 51820 meta l4proto != @lease drop');
});

test('of one family, and one that is announced', () => {
  const four = of(pairSnapshot(), { ...lan, endpoint6: '', gateway6: '' });
  expect([...four.floating.keys()]).toEqual(['4']);
  expect([...four.pair.values()].map(({ gateway6 }) => gateway6)).toEqual([undefined]);
  const announced = of(pairSnapshot(), {});
  expect(announced.floating.size).toBe(0);
  expect([...announced.pair.values()].map(({ gateway4 }) => gateway4)).toEqual([undefined]);
  expect(announced.address.has('transport lo 44.27.0.3/32')).toBe(true);
});
