import { create } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { emptyDataplane } from '#internal/dataplane/dataplane.ts';
import {
  FabricRouting,
  type Firewall,
  FirewallSchema,
  PoolSchema,
  SlabSchema,
} from '#internal/gen/pop44/store/v1/records_pb.ts';
import { emptySnapshot, fold, type Snapshot } from '#internal/model/model.ts';
import type { RecordEvent, RecordKind } from '#internal/model/record.ts';
import { fabricEvents, routedBy, testKey, threePops, tunnelEvents } from '#internal/testkit/three-pops.ts';
import { desired, edgeOf, type Self } from './desired.ts';
import { interconnectLink } from './legs.ts';
import { firstMeshPeers, meshDataplane } from './mesh.ts';

const settings = {
  mesh: {
    privateKeyFile: '/keys/mesh',
    address: 'fd44:44::1',
    port: 51844,
    mtu: 1380,
    peers: [{ publicKey: testKey(9), endpoint: '198.18.2.2:51844', address: 'fd44:44::2' }],
  },
  api: { port: 4440 },
  metrics: { port: 9440 },
  etcd: { endpoints: ['https://[fd44:44::1]:2379', 'https://[fd44:44::2]:2379'] },
};
const self: Self = {
  nodeId: 'p1',
  accessKeyFile: '/keys/access',
  interconnectKeyFile: '/keys/interconnect',
  mesh: settings.mesh,
  edge: edgeOf({
    ...settings,
    hostServices: [{ protocol: 'tcp', port: 22, sources: ['198.18.7.0/24', '2001:db8:7::/48'] }],
    join: { listen: ['198.18.1.2:4441', '[2001:db8:1:1::2]:4441'] },
    api: { ...settings.api, public: ['198.18.1.2:4443'] },
  }),
};
const nobody: ReadonlySet<string> = new Set();
const of = (nodeId: string, snapshot: Snapshot, here = nobody) => desired(snapshot, { ...self, nodeId }, here);

test('a node that the snapshot does not know wants its mesh and nothing else', () => {
  for (const made of [of('p9', threePops(3)), of('p1', emptySnapshot())]) {
    expect([...made.peer.values()].map(({ link }) => link)).not.toContain('p44w0');
    expect({ ...made, peer: new Map() }).toEqual(emptyDataplane());
  }
});

test.each(['transport', 'pop'] as const)('the configuration of BIRD %s is the golden one', async (netns) => {
  const text = of('p1', threePops(1)).bird.get(netns)?.text ?? '';
  await expect(text).toMatchFileSnapshot(`testdata/p1.${netns}.bird.conf`);
});

test.each([
  ['ospf', FabricRouting.OSPF],
  ['beside', FabricRouting.BESIDE],
] as const)('the configuration of BIRD pop by the routing %s is the golden one', async (name, routing) => {
  const text = of('p1', routedBy(threePops(1), routing)).bird.get('pop')?.text ?? '';
  await expect(text).toMatchFileSnapshot(`testdata/p1.${name}.bird.conf`);
});

test.each(['transport', 'pop'] as const)('the ruleset of %s is the golden one', async (netns) => {
  const text = of('p1', threePops(1)).ruleset.get(netns)?.text ?? '';
  await expect(text).toMatchFileSnapshot(`testdata/p1.${netns}.nft`);
});

/** Lines of a chain. */
const chainOf = (text: string, name: string): readonly string[] | undefined =>
  new RegExp(`chain ${name} \\{([^}]*(?:\\{[^}]*\\}[^}]*)*?)\\n\\}`).exec(text)?.[1]?.trim().split(/\n\s*/);

test('the limit of new flows counts the first packet of a flow alone, also where no reply ever comes [S2]', () => {
  const text = of('p1', threePops(1)).ruleset.get('pop')?.text ?? '';
  for (const name of ['4_32', '6_64']) {
    expect(chainOf(text, `new${name}`)).toEqual([
      `ct mark 0x44 goto judge${name}`,
      expect.stringMatching(/^update @flows[46] .* limit rate over/),
      'ct mark set 0x44',
      `goto judge${name}`,
    ]);
  }
});

test('a tunnel opens so many flows a second, by its prefix, whatever they are and wherever they go [S2]', () => {
  const text = of('p1', threePops(1)).ruleset.get('pop')?.text ?? '';
  for (const [unit, source] of [
    ['4_32', 'ip saddr'],
    ['6_64', 'ip6 saddr & ffff:ffff:ffff:ffff::'],
  ] as const) {
    expect(chainOf(text, 'from_tunnel')).toContain(`${source} @t${unit} goto open${unit}`);
    expect(chainOf(text, `open${unit}`)).toEqual([
      'ct state established,related return',
      expect.stringMatching(/^ip6? daddr \{ .* \} drop$/),
      'ct state != new return',
      'ct mark != 0 return',
      `update @opened${unit[0]} { ${source} limit rate over 100/second burst 1000 packets } goto refused${unit}`,
      'ct mark set 0x45',
    ]);
    expect(chainOf(text, `refused${unit}`)).toEqual([`update @denied${unit[0]} { ${source} counter }`, 'drop']);
  }
  // Else a flow between two tunnels would be taken for one that was counted at its target.
  expect(text).not.toMatch(/ct mark != 0 goto|ct mark 0x45 goto/);
});

test('flows that ended unseen leave the table of flows in the pop namespace, by settings that each namespace has', () => {
  const settled = [...of('p1', threePops(1)).sysctl.values()].filter(({ name }) => name.includes('conntrack'));
  expect(settled.map(({ netns, name, value }) => [netns, name.split('.').at(-1), value])).toEqual([
    ['pop', 'nf_conntrack_tcp_timeout_established', '7440'],
    ['pop', 'nf_conntrack_tcp_be_liberal', '1'],
    ['pop', 'nf_conntrack_checksum', '0'],
    ['pop', 'nf_conntrack_icmp_timeout', '10'],
    ['pop', 'nf_conntrack_icmpv6_timeout', '10'],
  ]);
});

test('before a snapshot knows the node its transport namespace is closed, but for the mesh and its operator [S1]', async () => {
  const text = meshDataplane(settings).ruleset.get('transport')?.text ?? '';
  await expect(text).toMatchFileSnapshot('testdata/unknown.transport.nft');
});

test('a node with an underlay of IPv6 alone has a router id, and reaches the others by IPv6', () => {
  const underlays: Record<string, object> = {
    p1: { underlay4: '', underlay6: '2001:db8:1:1::2' },
    p2: { underlay6: '2001:db8:1:2::2' },
  };
  const events = fabricEvents().map((event) => {
    const fields = event.kind === 'node' ? underlays[event.id] : undefined;
    if (event.kind !== 'node' || event.stored === undefined || fields === undefined) return event;
    return { ...event, stored: { ...event.stored, record: { ...event.stored.record, ...fields } } };
  });
  const near = of('p1', fold(emptySnapshot(), { revision: 1n, relisted: true, events }).snapshot);
  expect(near.bird.get('transport')?.text).toContain('router id 198.18.210.1;');
  const endpointTo = (far: string): string | undefined =>
    [...near.peer.values()].find((peer) => peer.link === interconnectLink(`p1-${far}`))?.endpoint;
  expect(endpointTo('p2')).toMatch(/^\[2001:db8:1:2::2\]:\d+$/);
  // It has no IPv6: the far end cannot be called, and cannot call.
  expect(endpointTo('p3')).toBeUndefined();
});

test('a pool that overlaps an older one is not announced', () => {
  const record = create(PoolSchema, { id: '4-2c000000-8', realmId: 'internet', prefix: '44.0.0.0/8', slabLength: 24 });
  const poisoned = fold(threePops(1), {
    revision: 9n,
    relisted: false,
    events: [{ kind: 'pool', id: record.id, stored: { revision: 9n, record } }],
  }).snapshot;
  expect(of('p1', poisoned).bird).toEqual(of('p1', threePops(1)).bird);
});

describe('a delegation', () => {
  const root = '4-2c1f0000-22';
  const put = (kind: RecordKind, id: string, record: unknown): RecordEvent =>
    ({ kind, id, stored: { revision: 9n, record } }) as RecordEvent;
  const pool = { realmId: 'internet', slabLength: 24, parentPoolId: root, homePopId: 'p2' };
  const child = '4-2c1f0300-24';
  const unitLength = 28;
  const events = [
    put('pool', child, create(PoolSchema, { ...pool, id: child, prefix: '44.31.3.0/24' })),
    put(
      'slab',
      `${root}/2c1f0300`,
      create(SlabSchema, {
        poolId: root,
        prefix: '44.31.3.0/24',
        unitLength: 24,
        homePopId: 'p2',
        delegatedPoolId: child,
      }),
    ),
    put(
      'slab',
      `${child}/2c1f0300`,
      create(SlabSchema, { poolId: child, prefix: '44.31.3.0/24', unitLength, homePopId: 'p2' }),
    ),
  ];
  const withChild = fold(threePops(1), { revision: 9n, relisted: false, events }).snapshot;

  test('is one route at its home, and the pool around it is what the internet hears of', () => {
    const [before, after] = [of('p2', threePops(1)), of('p2', withChild)];
    const added = [...after.route.keys()].filter((key) => !before.route.has(key));
    expect(added).toEqual(['pop 4401 44.31.3.0/24']);
    expect(of('p1', withChild).route).toEqual(of('p1', threePops(1)).route);
    for (const node of ['p1', 'p2']) expect(of(node, withChild).bird).toEqual(of(node, threePops(1)).bird);
    expect(after.ruleset.get('pop')?.text).toContain('set t4_28');
    expect(after.ruleset.get('pop')?.text).not.toContain('set t4_24');
  });

  test('that its parent does not back is nowhere', () => {
    const gone = { kind: 'slab', id: `${root}/2c1f0300` } as const;
    const { snapshot } = fold(withChild, { revision: 10n, relisted: false, events: [gone] });
    expect(of('p2', snapshot)).toEqual(of('p2', threePops(1)));
  });
});

test('a pool that was resized is announced as it is now; a slab outside of it, or misspelled, is no route', () => {
  const id = '4-2c1f0000-22';
  const record = create(PoolSchema, {
    id,
    realmId: 'internet',
    prefix: '44.31.0.0/23',
    slabLength: 24,
    createdAt: { seconds: 1n },
  });
  const slab = (hex: string, prefix: string): RecordEvent => {
    const outside = create(SlabSchema, { poolId: id, prefix, unitLength: 32, homePopId: 'p1' });
    return { kind: 'slab', id: `${id}/${hex}`, stored: { revision: 9n, record: outside } };
  };
  const events: readonly RecordEvent[] = [
    { kind: 'pool', id, stored: { revision: 9n, record } },
    slab('2c1f0200', '44.31.2.0/24'),
    slab('2c1f0001', '44.31.0.1/24'),
    slab('2c1f0002', 'x:y/24'),
  ];
  const made = of('p1', fold(threePops(1), { revision: 9n, relisted: false, events }).snapshot);
  expect(made.route).toEqual(of('p1', threePops(1)).route);
  expect(made.bird.get('pop')?.text).toContain('net ~ [ 44.31.0.0/23 ]');
});

test('both ends of an interconnect come from one record', () => {
  const near = of('p1', threePops());
  const far = of('p2', threePops());
  const link = interconnectLink('p1-p2');
  expect([...near.peer.values()].find((peer) => peer.link === link)).toMatchObject({
    publicKey: testKey(302),
    endpoint: `198.18.2.2:${far.link.get(link)?.listenPort}`,
  });
  expect([...far.peer.values()].find((peer) => peer.link === link)).toMatchObject({
    publicKey: testKey(301),
    endpoint: `198.18.1.2:${near.link.get(link)?.listenPort}`,
  });
  expect([...near.address.keys()].filter((key) => key.includes(link))).toEqual([
    `pop ${link} 172.30.0.0/31`,
    `pop ${link} fd44:0:0:1::/127`,
  ]);
  expect([...far.address.keys()].filter((key) => key.includes(link))).toEqual([
    `pop ${link} 172.30.0.1/31`,
    `pop ${link} fd44:0:0:1::1/127`,
  ]);
});

test('the two ends of a link never call in step: crossing initiations would cross for ever', () => {
  const link = interconnectLink('p1-p2');
  const keepalive = (node: string): number =>
    [...of(node, threePops()).peer.values()].find((peer) => peer.link === link)?.keepaliveSeconds ?? 0;
  expect([keepalive('p1'), keepalive('p2')].sort()).toEqual([5, 7]);
  const mesh = (own: string, far: string): number => {
    const peers = [{ publicKey: testKey(1), endpoint: '198.18.1.2:51844', address: far }];
    const made = firstMeshPeers({ ...settings.mesh, address: own, peers });
    return [...made.peer.values()][0]?.keepaliveSeconds ?? 0;
  };
  expect([mesh('fd44:44::1', 'fd44:44::2'), mesh('fd44:44::2', 'fd44:44::1')].sort()).toEqual([5, 7]);
});

test('a tunnel is a peer and its elements on every node of its placement, a route only away from home [A1]', () => {
  const snapshot = threePops(1);
  for (const node of ['p1', 'p2', 'p3']) {
    const made = of(node, snapshot);
    expect(made.peer.get(`p44w0 ${testKey(1)}`)?.allowedIps).toEqual(['2001:db8:44:1::/64', '44.31.0.1/32']);
    expect([...made.element.keys()].sort()).toEqual(['pop t4_32 44.31.0.1', 'pop t6_64 2001:db8:44:1::']);
    expect(made.route.has('pop 4401 44.31.0.1/32')).toBe(false);
  }
  expect(of('p1', snapshot).route.has('pop 4401 44.31.0.0/24')).toBe(true);
  expect(of('p2', snapshot).route.has('pop 4401 44.31.0.0/24')).toBe(false);
  const away = of('p2', snapshot, new Set(['t1']));
  expect(away.route.get('pop 4401 44.31.0.1/32')).toMatchObject({ dev: 'p44w0', type: 'unicast' });
  expect(away.route.has('pop 4401 2001:db8:44:1::/64')).toBe(true);
});

test('a firewall is elements of its tunnel alone; the default one is none, and no other changes the ruleset [S2]', () => {
  const withFirewall = (firewall: Firewall | undefined): Snapshot => {
    const events = tunnelEvents(1, 9n);
    for (const { kind, stored } of events)
      if (kind === 'tunnel' && stored !== undefined) Object.assign(stored.record, { firewall });
    return fold(threePops(2), { revision: 9n, relisted: false, events }).snapshot;
  };
  const plain = of('p1', withFirewall(undefined));
  const rules = [{ protocol: 6, firstPort: 22, lastPort: 23, source: '203.0.113.0/24' }];
  const made = of('p1', withFirewall(create(FirewallSchema, { presets: ['web'], rules })));
  expect(made.ruleset).toEqual(plain.ruleset);
  expect(
    [...made.element].filter(([key]) => !plain.element.has(key)).map(([key, { element }]) => [key, element]),
  ).toEqual([
    ['pop policy6 2001:db8:44:1::', '2001:db8:44:1:: : 770'],
    ['pop policy4 44.31.0.1', '44.31.0.1 : 770'],
    ['pop ports4_1 44.31.0.1 . 1 . 6 . 22', '44.31.0.1 . 1 . 6 . 22'],
    ['pop ports4_1 44.31.0.1 . 1 . 6 . 23', '44.31.0.1 . 1 . 6 . 23'],
    ['pop sources4_24 44.31.0.1 . 203.0.113.0', '44.31.0.1 . 203.0.113.0 : 1'],
  ]);
  expect(of('p1', withFirewall(create(FirewallSchema, { presets: ['ping'] }))).element).toEqual(plain.element);
});

test('two records with one public key never fight over a peer', () => {
  const twice = [...fabricEvents(), ...tunnelEvents(1, 2n), ...tunnelEvents(2, 3n, testKey(1))];
  const { snapshot } = fold(emptySnapshot(), { revision: 3n, relisted: true, events: twice });
  const access = [...of('p1', snapshot).peer.values()].filter((peer) => peer.link === 'p44w0');
  expect(access).toHaveLength(1);
  expect(access[0]?.allowedIps).toEqual(['2001:db8:44:2::/64', '44.31.0.2/32']);
});

test('the order in which records arrive never matters', () => {
  const events = [...fabricEvents(), ...[1, 2, 3].flatMap((n) => tunnelEvents(n, 2n))];
  const expected = of('p2', fold(emptySnapshot(), { revision: 2n, relisted: true, events }).snapshot);
  fc.assert(
    fc.property(fc.shuffledSubarray(events, { minLength: events.length }), (shuffled) => {
      const { snapshot } = fold(emptySnapshot(), { revision: 2n, relisted: true, events: shuffled });
      expect(of('p2', snapshot)).toEqual(expected);
    }),
    { numRuns: 30 },
  );
});

test.each([
  ['p1-p2', /^p44i-p1-p2$/],
  ['frankfurt-a-vienna-b', /^p44i-[0-9a-f]{8}$/],
])('the link of interconnect %s has a name that the kernel takes', (id, name) => {
  expect(interconnectLink(id)).toMatch(name);
});
