import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import {
  InterconnectKeyAgeSchema,
  InterconnectSchema,
  type Node,
  NodeSchema,
} from '#internal/gen/pop44/store/v1/records_pb.ts';
import { fold, type Snapshot } from '#internal/model/model.ts';
import { parseWgKey, type WgKey, wgKeyHex } from '#internal/netip/netip.ts';
import { testKey, threePops } from '#internal/testkit/three-pops.ts';
import { desired, nextSessions, pathsOf, type Self } from './desired.ts';

const others = { otherLink4: '172.30.1.0/31', otherLink6: 'fd44:0:0:1::100/127', otherPortA: 52001, otherPortB: 52002 };

/** p1-p2 has its other link; nodes as told. */
function fabricWith(nodes: Readonly<Record<string, MessageInitShape<typeof NodeSchema>>>, other: object = others) {
  const before = threePops();
  const joined = before.interconnects.get('p1-p2')?.record;
  const changed = Object.entries(nodes).map(([id, rest]) => ({
    kind: 'node' as const,
    id,
    stored: { revision: 9n, record: create(NodeSchema, { ...before.nodes.get(id)?.record, ...rest } as Node) },
  }));
  const record = create(InterconnectSchema, { ...joined, ...other } as object);
  const interconnect = { kind: 'interconnect' as const, id: 'p1-p2', stored: { revision: 9n, record } };
  return fold(before, { revision: 9n, relisted: false, events: [...changed, interconnect] }).snapshot;
}

const age = (rest: object) => create(InterconnectKeyAgeSchema, rest);
const wanted = (nodeId: string, snapshot: Snapshot) =>
  desired(snapshot, { nodeId, interconnectKeyFile: '/keys/own', madeKeyBase: '/state/made' }, new Set<string>());
const made = (n: number): string => `/state/made.${wgKeyHex(parseWgKey(testKey(n)) as WgKey)}`;

/** Ends of p1-p2 on a node: name, own key's file, port; then keys of the far end. */
function ends(nodeId: string, snapshot: Snapshot) {
  const { link, peer, address } = wanted(nodeId, snapshot);
  const own = [...link.values()].filter(({ name }) => name.endsWith('p1-p2'));
  return own.map(({ name, privateKeyFile, listenPort }) => ({
    name,
    privateKeyFile,
    listenPort,
    far: [...peer.values()]
      .filter((each) => each.link === name)
      .map(({ publicKey, endpoint }) => [publicKey, endpoint]),
    own4: [...address.values()].filter(({ dev, cidr }) => dev === name && cidr.includes('.')).map(({ cidr }) => cidr),
  }));
}

test('while a key is rotated both ends have the second link, with the next key at its end [T6]', () => {
  const rotating = fabricWith({ p1: { nextInterconnectPublicKey: testKey(900) } });
  expect(ends('p1', rotating)).toEqual([
    {
      name: 'p44i-p1-p2',
      privateKeyFile: '/keys/own',
      listenPort: 51900,
      far: [[testKey(302), '198.18.2.2:51900']],
      own4: ['172.30.0.0/31'],
    },
    {
      name: 'p44j-p1-p2',
      privateKeyFile: made(900),
      listenPort: 52001,
      far: [[testKey(302), '198.18.2.2:52002']],
      own4: ['172.30.1.0/31'],
    },
  ]);
  expect(ends('p2', rotating)).toEqual([
    {
      name: 'p44i-p1-p2',
      privateKeyFile: '/keys/own',
      listenPort: 51900,
      far: [[testKey(301), '198.18.1.2:51900']],
      own4: ['172.30.0.1/31'],
    },
    {
      name: 'p44j-p1-p2',
      privateKeyFile: '/keys/own',
      listenPort: 52002,
      far: [[testKey(900), '198.18.1.2:52001']],
      own4: ['172.30.1.1/31'],
    },
  ]);
});

test('the leaving link loses against the other one at both ends, and its text alone differs [T6]', () => {
  const rotating = fabricWith({ p1: { nextInterconnectPublicKey: testKey(900) } });
  for (const nodeId of ['p1', 'p2']) {
    const text = wanted(nodeId, rotating).bird.get('pop')?.text ?? '';
    const session = (turn: string): string =>
      new RegExp(`protocol bgp p44${turn}_p1_p2_4 \\{[^]*?\\n\\}`).exec(text)?.[0] ?? '';
    expect(session('i')).toContain(
      'import filter { if !(p44_fabric4()) then reject; p44_moved(); if (65535, 0) ~ bgp_community then bgp_local_pref = 0; bgp_med = 1; weight = 16; accept; }',
    );
    expect(session('j')).toContain(
      'import filter { if !(p44_fabric4()) then reject; p44_moved(); if (65535, 0) ~ bgp_community then bgp_local_pref = 0; weight = 16; accept; }',
    );
  }
});

test('what was rotated stays on the second link, whose BGP session does not change; the next time it is the first [T6]', () => {
  const rotating = fabricWith({ p1: { nextInterconnectPublicKey: testKey(900) } });
  const rotated = fabricWith({
    p1: { interconnectPublicKey: testKey(900), interconnectKeyAge: age({ generation: 1, made: true }) },
  });
  const before = ends('p1', rotating).filter(({ name }) => name === 'p44j-p1-p2');
  expect(ends('p1', rotated)).toEqual(before);
  const session = (snapshot: Snapshot): string | undefined =>
    /protocol bgp p44j_p1_p2_6 \{[^]*?\n\}/.exec(wanted('p2', snapshot).bird.get('pop')?.text ?? '')?.[0];
  expect(session(rotated)).toBeDefined();
  expect(session(rotated)).toBe(session(rotating));
  const again = fabricWith({
    p1: { interconnectPublicKey: testKey(900), interconnectKeyAge: age({ generation: 1, made: true }) },
    p2: { nextInterconnectPublicKey: testKey(901) },
  });
  expect(ends('p2', again).map(({ name, privateKeyFile }) => [name, privateKeyFile])).toEqual([
    ['p44j-p1-p2', '/keys/own'],
    ['p44i-p1-p2', made(901)],
  ]);
});

test('what a link carries does not depend on whose turn it is: rules and BFD know both [T6]', () => {
  const rotated = fabricWith({ p1: { interconnectKeyAge: age({ generation: 1 }) } });
  const { link, ruleset, bird } = wanted('p2', rotated);
  expect([...link.values()].map(({ name }) => name)).toContain('p44j-p1-p2');
  const rules = ruleset.get('pop')?.text ?? '';
  for (const links of ['p44i-*', 'p44j-*']) {
    for (const family of ['ip', 'ip6']) {
      expect(rules).toContain(`oifname "${links}" ${family} daddr {`);
      expect(rules).toContain(`iifname "${links}" ${family} saddr {`);
    }
    expect(bird.get('pop')?.text).toContain(`interface "${links}" {`);
  }
});

test("a node that came back has its operator's key, on the link that was in use [T6]", () => {
  const back = fabricWith({ p1: { interconnectPublicKey: testKey(700), interconnectKeyAge: age({ generation: 1 }) } });
  expect(ends('p1', back).map(({ name, privateKeyFile }) => [name, privateKeyFile])).toEqual([
    ['p44j-p1-p2', '/keys/own'],
  ]);
});

test('an interconnect without a second link is told apart from one that has it, and keeps what it has [T6]', () => {
  const rotating = fabricWith({ p1: { nextInterconnectPublicKey: testKey(900) } });
  expect([...nextSessions(rotating, 'p1')]).toEqual([
    ['p1-p2', ['p44j_p1_p2_4', 'p44j_p1_p2_6']],
    ['p1-p3', []],
  ]);
  expect([...nextSessions(threePops(), 'p1')]).toEqual([]);
  expect([...wanted('p1', rotating).link.keys()]).toContain('p44i-p1-p3');
});

test('an interconnect goes by the addresses of its record, else by those of a family that both nodes have [N2]', () => {
  const far = (nodeId: string, record: object, nodes: Parameters<typeof fabricWith>[0] = {}): unknown =>
    ends(nodeId, fabricWith(nodes, record))[0]?.far[0]?.[1];
  const both = { underlayA: '2001:db8:1:1::9', underlayB: '2001:db8:1:2::9' };
  expect(far('p1', both)).toBe('[2001:db8:1:2::9]:51900');
  expect(far('p2', both)).toBe('[2001:db8:1:1::9]:51900');
  const one = { underlayA: '2001:db8:1:1::9' };
  const six = { p2: { underlay6: '2001:db8:1:2::2' } };
  expect(far('p1', one, six)).toBe('[2001:db8:1:2::2]:51900');
  expect(far('p2', one, six)).toBe('[2001:db8:1:1::9]:51900');
  // A record that only a hand can have written.
  expect(far('p1', one)).toBeUndefined();
  const rules = wanted('p1', fabricWith({}, both)).ruleset.get('transport')?.text ?? '';
  expect(rules).toContain('2001:db8:1:2::9');
});

test('a share stands in the sessions of its link, both families, and nowhere else; what flaps is two hops longer [N4]', () => {
  const textOf = (shares?: Self['shares']): string =>
    desired(
      threePops(),
      { nodeId: 'p1', interconnectKeyFile: '/keys/own', ...(shares && { shares }) },
      new Set(),
    ).bird.get('pop')?.text ?? '';
  const full = textOf();
  expect(full.match(/ weight = 16; accept;/g)).toHaveLength(4);
  expect(textOf(new Map([['p44i-gone', { weight: 1, detour: true }]]))).toBe(full);
  const text = textOf(new Map([['p44i-p1-p2', { weight: 4, detour: true }]]));
  const filter = (family: number): string =>
    `import filter { if !(p44_fabric${family}()) then reject; p44_moved(); if (65535, 0) ~ bgp_community then bgp_local_pref = 0; weight = 4; bgp_path.prepend(4200000002); bgp_path.prepend(4200000002); accept; };`;
  const changed = text.split('\n').filter((line) => !full.includes(line));
  expect(changed.map((line) => line.trim().split(' export')[0])).toEqual([filter(4), filter(6)]);
});

test('paths of a node are its links, with who is at their end [N4]', () => {
  expect(pathsOf(threePops(), 'p1')).toEqual([
    { link: 'p44i-p1-p2', interconnectId: 'p1-p2', nodeId: 'p2' },
    { link: 'p44i-p1-p3', interconnectId: 'p1-p3', nodeId: 'p3' },
  ]);
  expect(pathsOf(threePops(), 'nobody')).toEqual([]);
  const rotating = pathsOf(fabricWith({ p1: { nextInterconnectPublicKey: testKey(900) } }), 'p2');
  expect(rotating.map(({ link }) => link)).toEqual(['p44i-p1-p2', 'p44j-p1-p2', 'p44i-p2-p3']);
});
