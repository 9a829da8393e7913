import { clone } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import type { Dataplane } from '#internal/dataplane/dataplane.ts';
import { NodeSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { fold, type Snapshot } from '#internal/model/model.ts';
import { heartbeats, pairSnapshot } from '#internal/testkit/pair.ts';
import { threePops } from '#internal/testkit/three-pops.ts';
import { desired, siblingOfNode } from './desired.ts';

const of = (nodeId: string, snapshot = pairSnapshot()): Dataplane =>
  desired(snapshot, { nodeId, interconnectKeyFile: '/keys/interconnect' }, new Set<string>());
const bird = (made: Dataplane): string => made.bird.get('transport')?.text ?? '';
const rules = (made: Dataplane): string => made.ruleset.get('transport')?.text ?? '';

test('two nodes of a PoP with heartbeat addresses are a pair, each for the other [N7]', () => {
  expect([...of('p3').pair.values()]).toEqual([
    {
      ...{ link: 'p44w0', nodeId: 'p3', siblingId: 'p4' },
      ...{ heartbeat: heartbeats.p4, ownHeartbeat: heartbeats.p3, underlay: '198.18.4.2' },
      ...{ endpoints: ['44.27.0.3', '2001:db8:1:e3::1'], ports: [51_820, 443, 53, 123] },
    },
  ]);
  expect([...of('p4').pair.values()]).toMatchObject([{ nodeId: 'p4', siblingId: 'p3', heartbeat: heartbeats.p3 }]);
  expect(siblingOfNode(pairSnapshot(), 'p3')).toBe('p4');
  expect(siblingOfNode(pairSnapshot(), 'p1')).toBeUndefined();
});

test('states of flows go from pop namespace to pop namespace by the heartbeat link alone [A3]', () => {
  for (const [node, own, far, heartbeat] of [
    ['p3', '169.254.45.1', '169.254.45.2', { own: heartbeats.p3, far: heartbeats.p4 }],
    ['p4', '169.254.45.2', '169.254.45.1', { own: heartbeats.p4, far: heartbeats.p3 }],
  ] as const) {
    const made = of(node);
    expect([...made.sync.values()]).toEqual([{ link: 'p44s', own, far }]);
    expect([...made.span.values()]).toEqual([{ name: 'p44s', mtu: 1_400, ...heartbeat }]);
    expect(made.address.has(`pop p44s ${own}/30`)).toBe(true);
    expect(made.ruleset.get('pop')?.text).toContain(`iifname "p44s" ip saddr ${far} udp dport 3780 accept`);
    expect(rules(made)).toContain(
      `ip saddr ${heartbeat.far} udp dport 4789 ip ttl 255 fib saddr . iif oif exists accept`,
    );
    expect(rules(made)).toContain(`ip daddr ${heartbeat.far} rt ip nexthop != ${heartbeat.far} drop`);
  }
  const alone = of('p1');
  expect([alone.sync.size, alone.span.size]).toEqual([0, 0]);
  expect(rules(alone)).not.toContain('4789');
});

test.each([
  ['the other one has no heartbeat address', { heartbeat: '' }],
  ['the addresses are of two families', { heartbeat: 'fd44::2' }],
  ['the other one is of another PoP', { popId: 'p1' }],
  ['they share no family outside', { underlay4: '' }],
])('no pair where %s', (_, change) => {
  const made = of('p3', pairSnapshot(change));
  expect(made.pair.size).toBe(0);
  expect(bird(made)).toContain('protocol static p44endpoint4');
  expect(rules(made)).not.toContain('@lease');
});

test('timers of BFD for a sibling stand before it comes, which would get what stood before it [N7]', () => {
  const timers = (snapshot?: Snapshot): readonly string[] =>
    bird(of('p3', snapshot)).match(/min rx interval .*/g) ?? [];
  expect(bird(of('p3', pairSnapshot({ heartbeat: '' })))).not.toContain('neighbor 172.30.34.2');
  expect(timers(pairSnapshot({ heartbeat: '' }))).toEqual(timers());
  expect(timers()).toHaveLength(2);
});

test('a third node without a heartbeat changes nothing for the pair; of three with one, nobody is a sibling [N7]', () => {
  const withThird = (heartbeat: string): Snapshot => {
    const base = pairSnapshot();
    const fourth = base.nodes.get('p4');
    if (fourth === undefined) throw new Error('no p4');
    const record = Object.assign(clone(NodeSchema, fourth.record), { id: 'p5', asn: 4_200_000_005, heartbeat });
    const event = { kind: 'node', id: 'p5', stored: { revision: 3n, record } } as const;
    return fold(base, { revision: 3n, relisted: false, events: [event] }).snapshot;
  };
  const pairs = (heartbeat: string) => ['p3', 'p4', 'p5'].map((id) => siblingOfNode(withThird(heartbeat), id));
  expect(pairs('')).toEqual(['p4', 'p3', undefined]);
  expect(pairs('172.30.34.3')).toEqual([undefined, undefined, undefined]);
});

test("what passes for the sibling's tunnels is not tracked, though they have classes here [N7]", () => {
  const byClass = 'meta priority set ip daddr map @class_down4_32 accept';
  expect(of('p1').ruleset.get('pop')?.text).toContain(byClass);
  expect(of('p3').ruleset.get('pop')?.text).not.toContain(byClass);
});

test('a node alone is as it was: its endpoint is configuration, and nothing fences it', () => {
  const made = of('p3', threePops());
  expect(bird(made)).toContain('protocol static p44endpoint4');
  expect(bird(made)).not.toContain('p44s_');
  expect(rules(made)).not.toContain('lease');
  expect([...made.route.values()].some(({ netns }) => netns === 'transport')).toBe(false);
});

test('what an active node announces is routes, by both families: a change of role is no configuration [N7]', () => {
  const made = of('p3');
  expect(bird(made)).not.toContain('protocol static');
  const routes = [...made.route.values()].filter(({ netns }) => netns === 'transport');
  expect(routes.map(({ table, prefix, type }) => [table, prefix, type])).toEqual(
    ['192.0.0.8/32', '192.0.0.170/32', '44.27.0.3/32', '100::/128', '100::1/128', '2001:db8:1:e3::1/128'].map(
      (prefix) => [4397, prefix, 'unreachable'],
    ),
  );
});

test('WireGuard is neither heard nor sent without a lease, which BFD renews and never begins [N7]', () => {
  const text = rules(of('p4'));
  expect(text).toContain('set lease { type inet_proto; size 4; flags dynamic,timeout; timeout 400ms; }');
  expect(text).toContain('udp dport { 3784, 4784 } meta l4proto @lease update @lease { meta l4proto }');
  expect(text).toContain('meta mark 68 meta l4proto != @lease drop');
  const heard = text.indexOf('udp dport 51820 meta l4proto != @lease drop');
  expect(heard).toBeGreaterThan(0);
  expect(heard).toBeLessThan(text.indexOf('udp dport 51820 ct state untracked accept'));
});

test('a sibling is heard by BFD and BGP on both ways, and nobody else is', () => {
  const text = rules(of('p4'));
  expect(text).toContain(`ip saddr ${heartbeats.p3} udp dport 3784 ip ttl 255 accept`);
  expect(text).toContain('ip saddr 198.18.3.2 udp dport 4784 accept');
  for (const from of [heartbeats.p3, '198.18.3.2']) expect(text).toContain(`ip saddr ${from} tcp dport 179 accept`);
});
