// BIRDs of two nodes with the texts of desired(), over veth in place of WireGuard: joined twice, with a club's node and an
// upstream that announce what they may not.

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type BirdCounts, openBirdCounts } from '#internal/testkit/bird-counts.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { clubSubtree, withClub } from '#internal/testkit/club.ts';
import { desired, refusalsOf } from './desired.ts';

const spaces = { p1: 'nb1', p2: 'nb2', club: 'nb3', upstream: 'nb4' } as const;
type Space = keyof typeof spaces;
const runDir = mkdtempSync(join(tmpdir(), 'pop44-neighbours-'));
const ip = (...args: readonly string[]): string => execFileSync('ip', args, { encoding: 'utf8' });
const inside = (space: Space, input: string, ...command: readonly string[]): string =>
  execFileSync('ip', ['netns', 'exec', spaces[space], ...command], { encoding: 'utf8', input });
function birdc(space: Space, command: string): string {
  const { stdout } = spawnSync('birdc', ['-s', join(runDir, `${space}.ctl`), ...command.split(' ')], {
    encoding: 'utf8',
    maxBuffer: 16 * 1024 * 1024,
  });
  if (!/^BIRD .* ready/.test(stdout)) throw new Error(`${command}: ${stdout}`);
  return stdout;
}

type End = readonly [space: Space, link: string, ...addresses: readonly string[]];
function wire([a, linkA, ...ownA]: End, [b, linkB, ...ownB]: End): void {
  ip('-n', spaces[a], 'link', 'add', linkA, 'type', 'veth', 'peer', 'name', linkB, 'netns', spaces[b]);
  for (const [space, link, own] of [
    [a, linkA, ownA],
    [b, linkB, ownB],
  ] as const) {
    for (const address of own)
      ip('-n', spaces[space], 'address', 'add', address, 'dev', link, ...(address.includes(':') ? ['nodad'] : []));
    ip('-n', spaces[space], 'link', 'set', link, 'up');
  }
}
function startBird(space: Space, text: string): void {
  const file = (suffix: string): string => join(runDir, `${space}.${suffix}`);
  writeFileSync(file('conf'), text);
  inside(space, '', 'bird', '-c', file('conf'), '-s', file('ctl'), '-P', file('pid'));
}

/** Prefixes that are nobody's: more than any neighbour of ours has to say. */
const flood = Array.from({ length: 10_000 }, (_, at) => `10.${128 + (at >> 8)}.${at & 255}.0/24`);
const sites = Array.from({ length: 10_000 }, (_, at) => `2001:db8:44:${(0xc000 + at).toString(16)}::/64`);
const routes = (prefixes: readonly string[]): string =>
  prefixes.map((prefix) => `route ${prefix} unreachable;`).join(' ');
const wrong = ['0.0.0.0/0', '44.31.0.0/22', '44.31.0.0/24', '44.31.2.0/23', '198.18.210.2/32', '192.0.2.0/24'];
const right = ['44.31.3.0/24', '44.31.3.16/28', '198.18.210.3/32'];

const bgp = 'connect delay time 1; connect retry time 2; error wait time 1, 8;';
const far = (asn: number, options: string, [own4, far4, own6, far6]: readonly string[]): string => `
protocol device { }
protocol bgp up4 { local ${own4} as ${asn}; neighbor ${far4} as 4200000001; ${bgp} ${options} ipv4 { import all; export all; }; }
protocol bgp up6 { local ${own6} as ${asn}; neighbor ${far6} as 4200000001; ${bgp} ${options} ipv6 { import all; export all; }; }
`;
const club = `router id 198.18.210.3;
protocol static { ipv4 { import filter { bgp_large_community.add((4200000003, 44, 9)); accept; }; }; ${routes([...wrong, ...right, ...flood])} }
protocol static { ipv6; ${routes(['::/0', '2001:db8:44::/48', '2001:db8:44:1::/64', 'fd00::/8', '2001:db8:1:f3::1/128', ...sites])} }
${far(4_200_000_003, 'local role customer;', ['172.30.0.3', '172.30.0.2', 'fd44:0:0:1::3', 'fd44:0:0:1::2'])}`;
const upstream = `router id 198.18.11.1;
protocol static { ipv4; ${routes(['0.0.0.0/0', '44.31.1.0/24', ...flood])} }
protocol static { ipv6; ${routes(['::/0', '2001:db8:44::/48'])} }
${far(64_500, '', ['198.18.11.1', '198.18.11.2', '2001:db8:1:11::1', '2001:db8:1:11::2'])}`;

let counts: BirdCounts;
beforeAll(() => {
  mkdirSync('/run/netns', { recursive: true });
  for (const space of Object.values(spaces)) {
    ip('netns', 'add', space);
    ip('-n', space, 'link', 'set', 'lo', 'up');
  }
  for (const family of [4, 6]) ip(`-${family}`, '-n', spaces.p1, 'rule', 'add', 'priority', '40000', 'lookup', '4401');
  // Layer 4, as desired's sysctl has it.
  inside('p1', '', 'sysctl', '-qw', 'net.ipv4.fib_multipath_hash_policy=1', 'net.ipv6.fib_multipath_hash_policy=1');
  wire(
    ['p1', 'p44i-p1-p2', '172.30.0.0/31', 'fd44:0:0:1::/127'],
    ['p2', 'p44i-p1-p2', '172.30.0.1/31', 'fd44:0:0:1::1/127'],
  );
  wire(
    ['p1', 'p44i-p1-p2-2', '172.30.0.6/31', 'fd44:0:0:1::6/127'],
    ['p2', 'p44i-p1-p2-2', '172.30.0.7/31', 'fd44:0:0:1::7/127'],
  );
  wire(
    ['p1', 'p44i-p1-p3', '172.30.0.2/31', 'fd44:0:0:1::2/127'],
    ['club', 'toward', '172.30.0.3/31', 'fd44:0:0:1::3/127'],
  );
  wire(
    ['p1', 'uplink', '198.18.11.2/24', '2001:db8:1:11::2/64'],
    ['upstream', 'toward', '198.18.11.1/24', '2001:db8:1:11::1/64'],
  );
  const snapshot = withClub();
  for (const [at, nodeId] of (['p1', 'p2'] as const).entries()) {
    for (const own of [`198.18.210.${at + 1}/32`, `2001:db8:1:f${at + 1}::1/128`])
      ip('-n', spaces[nodeId], 'address', 'add', own, 'dev', 'lo');
    const self = { nodeId, interconnectKeyFile: '/keys/interconnect' };
    startBird(nodeId, desired(snapshot, self, new Set<string>()).bird.get('pop')?.text ?? '');
  }
  counts = openBirdCounts(runDir, join(runDir, 'p1.ctl'));
  startBird('club', club);
  startBird('upstream', upstream);
});
afterAll(async () => {
  await counts.close();
  for (const space of Object.keys(spaces) as Space[]) {
    try {
      birdc(space, 'down');
    } catch {
      // It never came to life, and the test has said so.
    }
    ip('netns', 'del', spaces[space]);
  }
  rmSync(runDir, { recursive: true });
});

const prefixesOf = (text: string): readonly string[] =>
  [...text.matchAll(/^([0-9a-f:][0-9a-f.:]*\/\d+)/gm)].map(([, prefix = '']) => prefix).sort();
const heard = (space: Space, session: string): readonly string[] =>
  prefixesOf(birdc(space, `show route protocol ${session}`));
const isUp = (space: Space, session: string): boolean =>
  birdc(space, `show protocols ${session}`).includes('Established');

/** Links that flows to an address of p2 leave by, as the kernel hashes them. */
const ways = (to: string, from: string): readonly string[] => {
  const found = Array.from({ length: 24 }, (_, at) => {
    const flow = ['from', from, 'ipproto', 'udp', 'sport', String(40_000 + 7 * at), 'dport', '53'];
    return /dev (\S+)/.exec(ip('-n', spaces.p1, 'route', 'get', to, ...flow))?.[1] ?? '';
  });
  return [...new Set(found)].sort();
};
const toPeer = [
  ['198.18.210.2', '198.18.210.1'],
  ['2001:db8:1:f2::1', '2001:db8:1:f1::1'],
] as const;
const all = (want: readonly string[]): Promise<boolean> =>
  eventually(() => {
    const found = toPeer.map(([to, from]) => ways(to, from));
    if (found.some((each) => each.join() !== want.join())) throw new Error(JSON.stringify(found));
    return true;
  }, 20_000);

test('flows to a node are spread over both interconnects with it, and stay on the one that is left [N4]', async () => {
  // What an earlier try may have left.
  inside('p1', 'table inet cut; delete table inet cut;', 'nft', '-f', '-');
  expect(await all(['p44i-p1-p2', 'p44i-p1-p2-2'])).toBe(true);
  const chain = 'chain input { type filter hook input priority 0; iifname "p44i-p1-p2-2" drop; };';
  inside('p1', `table inet cut { ${chain} }`, 'nft', '-f', '-');
  expect(await all(['p44i-p1-p2'])).toBe(true);
  inside('p1', 'delete table inet cut', 'nft', '-f', '-');
  expect(await all(['p44i-p1-p2', 'p44i-p1-p2-2'])).toBe(true);
}, 60_000);

test('of a club what is delegated to it is heard, whatever else it announces, and its sessions stand [N2]', async () => {
  // As many as are listened to from a club.
  await eventually(() => heard('p1', 'p44i_p1_p3_6').length >= 1000, 10_000);
  await eventually(() => heard('p1', 'p44i_p1_p3_4').length >= right.length, 20_000);
  expect(heard('p1', 'p44i_p1_p3_4')).toEqual([...right].sort());
  const six = heard('p1', 'p44i_p1_p3_6');
  expect(six).toHaveLength(1000);
  expect(six.filter((prefix) => !prefix.startsWith('2001:db8:44:') && prefix !== '2001:db8:1:f3::1/128')).toEqual([]);
  expect(six).not.toContain('2001:db8:44:1::/64');
  for (const session of ['p44i_p1_p3_4', 'p44i_p1_p3_6']) expect(isUp('p1', session)).toBe(true);
  expect(birdc('p1', 'show protocols all p44i_p1_p3_6')).toMatch(/Import limit: +1000 \[HIT\]/);
  // Where tunnels are is none of its business.
  expect(birdc('p1', 'show route protocol p44i_p1_p3_4 all')).not.toContain('large_community');
  // The others hear of it, and of nothing else that the club says.
  await eventually(() => heard('p2', 'p44i_p1_p2_4').includes(clubSubtree[0]), 10_000);
  const others = heard('p2', 'p44i_p1_p2_4');
  expect(
    others.filter((prefix) => prefix.startsWith('10.') || ['44.31.0.0/24', '192.0.2.0/24'].includes(prefix)),
  ).toEqual([]);
}, 60_000);

test('a club is told the default route and pools as a whole, and nothing narrower [N2]', async () => {
  await eventually(() => heard('club', 'up4').length === 2 && heard('club', 'up6').length === 2, 20_000);
  expect(heard('club', 'up4')).toEqual(['0.0.0.0/0', '44.31.0.0/22']);
  expect(heard('club', 'up6')).toEqual(['2001:db8:44::/48', '::/0']);
  // RFC 9234 5: marked, so that it goes on to customers of the club alone.
  expect(birdc('club', 'show route protocol up4 all')).toMatch(/BGP\.otc: 4200000001/);
});

test('of an upstream the default route is heard, whatever else it announces, and its session stands [N2]', async () => {
  await eventually(() => heard('p1', 'p44u_p1_pop_4 table p44up4').length > 0, 20_000);
  const text = (family: number): readonly string[] =>
    prefixesOf(birdc('p1', `show route table p44up${family} protocol p44u_p1_pop_${family}`));
  expect([text(4), text(6)]).toEqual([['0.0.0.0/0'], ['::/0']]);
  for (const session of ['p44u_p1_pop_4', 'p44u_p1_pop_6']) expect(isUp('p1', session)).toBe(true);
});

test('who announces what it may not is told, with how much of it was refused, and nobody else [N2]', async () => {
  const tenThousand = flood.length;
  const found = await eventually(async () => {
    const refusals = refusalsOf(withClub(), 'p1', await counts.read());
    return refusals.length >= 4 && refusals.every(({ refused }) => refused > 0) ? refusals : undefined;
  }, 20_000);
  const told = new Map(found.map(({ session, ...of }) => [session, of]));
  expect([...told.keys()].sort()).toEqual(['p44i_p1_p3_4', 'p44i_p1_p3_6', 'p44u_p1_pop_4', 'p44u_p1_pop_6']);
  // Its default route, pools and slabs of others, the loopback of p2, a bogon, and those that are nobody's.
  expect(told.get('p44i_p1_p3_4')).toEqual({
    ...{ neighbourId: 'p3', imported: right.length, refused: wrong.length + tenThousand, limit: 1000, limitHit: false },
  });
  expect(told.get('p44i_p1_p3_6')).toMatchObject({ neighbourId: 'p3', imported: 1000, refused: 4, limitHit: true });
  expect(told.get('p44u_p1_pop_4')).toMatchObject({ neighbourId: 'p1-pop', imported: 1, refused: 1 + tenThousand });
  expect(told.get('p44u_p1_pop_6')).toMatchObject({ neighbourId: 'p1-pop', imported: 1, refused: 1 });
}, 30_000);
