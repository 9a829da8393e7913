// Three nodes' BIRDs with the texts of desired(), over veth in place of WireGuard, each with a router of the internet; once for
// each way in which trusted nodes tell each other their routes.

import { clone } from '@bufbuild/protobuf';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FabricRouting, NetworkSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { emptySnapshot, fold, type Snapshot } from '#internal/model/model.ts';
import { type BareBirds, bareBirds, type WireEnd } from '#internal/testkit/bare-birds.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { fabricEvents, routedBy } from '#internal/testkit/three-pops.ts';
import { moveMetric, routeProtocol } from '#internal/dataplane/ownership.ts';
import { desired } from './desired.ts';

const numbers = [1, 2, 3] as const;
type Number3 = (typeof numbers)[number];
const pools = ['44.31.0.0/22', '2001:db8:44::/48'] as const;
const node = (n: Number3): string => `og${n}`;
const router = (n: Number3): string => `ou${n}`;
const spaces = numbers.flatMap((n) => [node(n), router(n)]);
let birds: BareBirds;
const ip = (...args: readonly string[]): string => birds.ip(...args);
const inside = (space: string, input: string, ...command: readonly string[]): string =>
  birds.inside(space, input, ...command);
const birdc = (space: string, command: string): string => birds.birdc(space, command);

function snapshotOf(lastResortNodeId: string): Snapshot {
  const events = fabricEvents().map((event) => {
    if (event.kind !== 'network' || event.stored === undefined) return event;
    const record = Object.assign(clone(NetworkSchema, event.stored.record), { lastResortNodeId });
    return { ...event, stored: { ...event.stored, record } };
  });
  return fold(emptySnapshot(), { revision: 2n, relisted: true, events }).snapshot;
}

const routerText = (n: Number3): string => `
router id 198.18.1${n}.1;
protocol device { }
protocol bfd { interface "*" { min rx interval 100 ms; min tx interval 100 ms; multiplier 3; }; }
protocol static { ipv4; route 0.0.0.0/0 unreachable; }
protocol static { ipv6; route ::/0 unreachable; }
protocol bgp up4 { local 198.18.1${n}.1 as 64500; neighbor 198.18.1${n}.2 as ${4_200_000_000 + n}; bfd on;
  connect delay time 1; ipv4 { import all; export all; }; }
protocol bgp up6 { local 2001:db8:1:1${n}::1 as 64500; neighbor 2001:db8:1:1${n}::2 as ${4_200_000_000 + n}; bfd on;
  connect delay time 1; ipv6 { import all; export all; }; }
`;

describe.each([
  ['eBGP', FabricRouting.EBGP, /^p44i_.* Established/gm],
  ['OSPF and iBGP', FabricRouting.OSPF, /^p44r_.* Established/gm],
] as const)('with %s', (_name, routing, sessions) => {
  beforeAll(() => {
    birds = bareBirds('origin');
    birds.add(...spaces);
    for (const [at, [a, b]] of (
      [
        [1, 2],
        [1, 3],
        [2, 3],
      ] as const
    ).entries()) {
      const end = (n: Number3, low: number): WireEnd => ({
        space: node(n),
        link: `p44i-p${a}-p${b}`,
        addresses: [`172.30.0.${low}/31`, `fd44:0:0:1::${low}/127`],
      });
      birds.wire(end(a, 2 * at), end(b, 2 * at + 1));
    }
    const made = routedBy(snapshotOf('p2'), routing);
    for (const n of numbers) {
      const addresses = (last: number) => [`198.18.1${n}.${last}/24`, `2001:db8:1:1${n}::${last}/64`];
      birds.wire(
        { space: node(n), link: 'uplink', addresses: addresses(2) },
        { space: router(n), link: 'toward', addresses: addresses(1) },
      );
      for (const own of [`198.18.210.${n}/32`, `2001:db8:1:f${n}::1/128`])
        ip('-n', node(n), 'address', 'add', own, 'dev', 'lo');
      // As desired's rules have it: sessions between loopbacks go by the realm's table.
      for (const family of [4, 6])
        ip(`-${family}`, '-n', node(n), 'rule', 'add', 'priority', '40000', 'lookup', '4401');
      const self = { nodeId: `p${n}`, interconnectKeyFile: '/keys/interconnect' };
      birds.start(node(n), desired(made, self, new Set<string>()).bird.get('pop')?.text ?? '');
      birds.start(router(n), routerText(n));
    }
  });
  afterAll(() => birds.close());

  /** Paths by which a router of the internet has the two pools; empty: it has them not. */
  const heard = (n: Number3): readonly string[] =>
    pools.map((pool) => /BGP\.as_path: (.*)/.exec(birdc(router(n), `show route ${pool} all`))?.[1]?.trim() ?? '');
  const path = (n: Number3, length = 1): string => Array.from({ length }, () => 4_200_000_000 + n).join(' ');
  const both = (text: string): readonly string[] => [text, text];
  const withdrawn = (n: Number3): readonly string[] =>
    [4, 6].map((family) => /Import withdraws: .*/.exec(birdc(router(n), `show protocols all up${family}`))?.[0] ?? '');
  const settles = (want: Readonly<Record<Number3, string>>): Promise<boolean> =>
    eventually(() => {
      const all = numbers.map(heard);
      if (!numbers.every((n, at) => all[at]?.every((each) => each === want[n]))) throw new Error(JSON.stringify(all));
      return true;
    }, 20_000);

  /** Every node has a session with every other one, in both families. */
  const meshed = (): Promise<boolean> =>
    eventually(() => numbers.every((n) => birdc(node(n), 'show protocols').match(sessions)?.length === 4), 20_000);

  /** Silently, as a path of the internet is: nothing but BFD tells. */
  const cut = (n: Number3): void => {
    const chains = ['input', 'output'].map(
      (hook) =>
        `chain ${hook} { type filter hook ${hook} priority 0; ${hook === 'input' ? 'i' : 'o'}ifname "p44i-*" drop; }`,
    );
    inside(node(n), `table inet cut { ${chains.join('; ')}; }`, 'nft', '-f', '-');
  };
  const heal = (n: Number3): void => void inside(node(n), 'table inet cut; delete table inet cut;', 'nft', '-f', '-');

  /** What the namespace does with addresses of a pool that are nobody's. */
  const kept = (n: Number3): readonly string[] =>
    pools.map((pool) =>
      ip(...(pool.includes(':') ? ['-6'] : []), '-n', node(n), 'route', 'show', 'table', '4401', 'exact', pool).trim(),
    );

  test('a CORE cut off from the fabric stops announcing, the others notice nothing, and it comes back [N4]', async () => {
    numbers.forEach(heal);
    await meshed();
    await settles({ 1: path(1), 2: path(2), 3: path(3) });
    for (const n of numbers)
      expect(kept(n)).toEqual(both(expect.stringMatching(/^unreachable .* proto bird/) as string));
    const before = [withdrawn(2), withdrawn(3)];
    cut(1);
    await settles({ 1: '', 2: path(2), 3: path(3) });
    expect([withdrawn(2), withdrawn(3)]).toEqual(before);
    // Its own customers lose nothing by that: the way out stands, and nobody's addresses are as unreachable as before.
    expect(ip('-n', node(1), 'route', 'show', 'table', '4401', 'default')).toContain('via 198.18.11.1');
    expect(kept(1)).toEqual(both(expect.stringMatching(/^unreachable .* proto bird/) as string));
    heal(1);
    await settles({ 1: path(1), 2: path(2), 3: path(3) });
  }, 60_000);

  test('where all COREs lose each other the last resort goes on, by a path that any other would beat [N4]', async () => {
    numbers.forEach(heal);
    await settles({ 1: path(1), 2: path(2), 3: path(3) });
    numbers.forEach(cut);
    await settles({ 1: '', 2: path(2, 4), 3: '' });
    for (const n of numbers)
      expect(kept(n)).toEqual(both(expect.stringMatching(/^unreachable .* proto bird/) as string));
    numbers.forEach(heal);
    await settles({ 1: path(1), 2: path(2), 3: path(3) });
  }, 60_000);

  const tunnels = ['44.31.0.7/32', '2001:db8:44:7::/64'] as const;
  /** By the daemon of a node that holds them since a move of theirs. */
  const holds = (n: Number3, moves: number, op = 'replace'): void => {
    for (const prefix of tunnels) {
      const place = ['table', '4401', 'protocol', String(routeProtocol), 'metric', String(moveMetric + moves)];
      ip('-n', node(n), ...(prefix.includes(':') ? ['-6'] : []), 'route', op, prefix, 'dev', 'p44w0', ...place);
    }
  };
  /** Next device of each family, as the kernel has it: `p44w0` where the tunnels come out. */
  const leads = (n: Number3): readonly string[] =>
    ['44.31.0.7', '2001:db8:44:7::1'].map((address) => {
      const family = address.includes(':') ? ['-6'] : [];
      const [first = ''] = ip(...family, '-n', node(n), 'route', 'show', 'table', '4401', 'match', address)
        .split('\n')
        .filter((line) => line.startsWith(address.replace('::1', '::')))
        .sort((a, b) => Number(/metric (\d+)/.exec(a)?.[1]) - Number(/metric (\d+)/.exec(b)?.[1]));
      return / dev (\S+)/.exec(first)?.[1] ?? 'nowhere';
    });
  const lead = (want: Readonly<Record<Number3, string>>): Promise<boolean> =>
    eventually(() => {
      const all = numbers.map(leads);
      if (!numbers.every((n, at) => all[at]?.every((each) => each === want[n]))) throw new Error(JSON.stringify(all));
      return true;
    }, 20_000);

  test('of nodes that both hold a tunnel the later move wins at every node, the other one too, by BGP alone [A3]', async () => {
    numbers.forEach(heal);
    for (const n of numbers) {
      ip('-n', node(n), 'link', 'add', 'p44w0', 'type', 'veth', 'peer', 'name', 'other');
      for (const link of ['p44w0', 'other']) ip('-n', node(n), 'link', 'set', link, 'up');
    }
    await meshed();
    const at1 = { 1: 'p44w0', 2: 'p44i-p1-p2', 3: 'p44i-p1-p3' };
    const at2 = { 1: 'p44i-p1-p2', 2: 'p44w0', 3: 'p44i-p2-p3' };
    holds(1, 3);
    await lead(at1);
    holds(2, 4);
    await lead(at2);
    // Back, before the one in between has let go.
    holds(1, 5);
    holds(1, 3, 'del');
    await lead(at1);
    holds(2, 4, 'del');
    // Of the same move the lower id wins; cut in two, each serves its side.
    holds(2, 5);
    await lead(at1);
    cut(2);
    await lead({ ...at1, 2: 'p44w0' });
    heal(2);
    await meshed();
    await lead(at1);
    holds(1, 5, 'del');
    await lead(at2);
    holds(2, 5, 'del');
    expect(await lead({ 1: 'nowhere', 2: 'nowhere', 3: 'nowhere' })).toBe(true);
  }, 90_000);
});
