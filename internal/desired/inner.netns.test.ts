// BIRDs of four nodes with the texts of desired(), over veth in place of WireGuard: two equal ways by OSPF, one of them lost, and
// one routing after the other while packets pass.
//
//       p1
//      /  \
//    p2 -- p3        p4 is a REGIONAL; a slab is at home with p1, another one with p4
//      \  /
//       p4

import { spawn } from 'node:child_process';
import { stdout } from 'node:process';
import { create } from '@bufbuild/protobuf';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { realClock } from '#internal/clock/clock.ts';
import { routeProtocol } from '#internal/dataplane/ownership.ts';
import {
  FabricRouting,
  InterconnectSchema,
  NodeSchema,
  PopKind,
  PopSchema,
  SlabSchema,
} from '#internal/gen/pop44/store/v1/records_pb.ts';
import { fold, type Snapshot } from '#internal/model/model.ts';
import type { RecordEvent } from '#internal/model/record.ts';
import { type BareBirds, bareBirds } from '#internal/testkit/bare-birds.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { routedBy, testKey, threePops } from '#internal/testkit/three-pops.ts';
import type { Share } from '#internal/verdict/verdict.ts';
import { desired, routingChange, routingsReady } from './desired.ts';

const { EBGP, BESIDE, OSPF } = FabricRouting;
const ids = ['p1', 'p2', 'p3', 'p4'] as const;
type Id = (typeof ids)[number];
const space = (id: Id): string => `in${id.slice(1)}`;

function fourNodes(): Snapshot {
  const before = threePops();
  const revision = before.revision + 1n;
  const stored = <T>(record: T) => ({ revision, record });
  const pop = create(PopSchema, { ...before.pops.get('p3')?.record, id: 'p4', kind: PopKind.REGIONAL } as object);
  const node = create(NodeSchema, {
    ...before.nodes.get('p3')?.record,
    ...{ id: 'p4', popId: 'p4', asn: 4_200_000_004, loopback4: '198.18.210.4', loopback6: '2001:db8:1:f4::1' },
    ...{ underlay4: '198.18.4.2', meshAddress: 'fd44:44::4', interconnectPublicKey: testKey(304) },
  } as object);
  const links = (['p2', 'p3'] as const).map((id, at): RecordEvent => {
    const low = 6 + 2 * at;
    const record = create(InterconnectSchema, {
      ...{ id: `${id}-p4`, nodeA: id, nodeB: 'p4', mtu: 1420, portA: 51910 + at, portB: 51910 + at },
      ...{ link4: `172.30.0.${low}/31`, link6: `fd44:0:0:1::${low}/127` },
    });
    return { kind: 'interconnect', id: record.id, stored: stored(record) };
  });
  const slabs = [...before.slabs].flatMap(([id, { record }]): readonly RecordEvent[] => {
    const moved = create(SlabSchema, { ...record, homePopId: 'p4' } as object);
    return record.homePopId === 'p2' ? [{ kind: 'slab', id, stored: stored(moved) }] : [];
  });
  const events: readonly RecordEvent[] = [
    { kind: 'pop', id: 'p4', stored: stored(pop) },
    { kind: 'node', id: 'p4', stored: stored(node) },
    ...links,
    ...slabs,
  ];
  return fold(before, { revision, relisted: false, events }).snapshot;
}

const base = fourNodes();
let snapshot = base;
const textOf = (nodeId: Id, shares?: ReadonlyMap<string, Share>): string => {
  const self = { nodeId, interconnectKeyFile: '/keys/interconnect', ...(shares && { shares }) };
  return desired(snapshot, self, new Set<string>()).bird.get('pop')?.text ?? '';
};

/** Of the slab that is at home with p1, and of the one with p4. */
const own = { p1: '44.31.0.1', p4: '44.31.1.1' } as const;

let birds: BareBirds;
const route = (id: Id, address: string): string =>
  birds.ip('-n', space(id), 'route', 'show', 'table', '4401', 'match', address);
const waysTo = (id: Id, address: string): ReadonlyMap<string, number> => {
  const narrow = route(id, address).replace(/^[^\n]*\/22 [^\n]*\n?/m, '');
  return new Map(
    [...narrow.matchAll(/ dev (\S+)(?: weight (\d+))?/g)].map(([, dev = '', weight = '1']) => [dev, Number(weight)]),
  );
};
const waysAre = (id: Id, address: string, want: Readonly<Record<string, number>>): Promise<boolean> =>
  eventually(() => {
    const found = Object.fromEntries([...waysTo(id, address)].sort());
    if (JSON.stringify(found) !== JSON.stringify(want)) throw new Error(`${id}: ${route(id, address)}`);
    return true;
  }, 30_000);

/** Names of what stands, as the driver has them. */
function standing(id: Id): readonly string[] {
  const protocols = birds.birdc(space(id), 'show protocols');
  const sessions = [...protocols.matchAll(/^(p44\S+) +BGP .* Established/gm)].map(([, name = '']) => name);
  const adjacencies = [...protocols.matchAll(/^(p44\S+) +OSPF /gm)].flatMap(([, ospf = '']) =>
    [...birds.birdc(space(id), `show ospf neighbors ${ospf}`).matchAll(/Full\/\S*\s+\S+\s+(\S+)/g)].map(
      ([, link = '']) => `${ospf}_${link}`,
    ),
  );
  const reached = ([4, 6] as const).flatMap((family) =>
    protocols.includes(`p44ospf${family}`)
      ? [...birds.birdc(space(id), `show route table p44igp${family}`).matchAll(/^(\S+\/\d+) +unicast /gm)].map(
          ([, prefix = '']) => `p44ospf${family}_${prefix}`,
        )
      : [],
  );
  return [...sessions, ...adjacencies, ...reached];
}

const follow = (routing: FabricRouting): void => {
  snapshot = routedBy(base, routing);
  for (const id of ids) birds.load(space(id), textOf(id));
};
/** As pop44 network routing waits for it. */
const ready = (): Promise<boolean> =>
  eventually(async () => {
    for (const id of ids) {
      const said = await routingChange(snapshot, id, async () => standing(id));
      if (said !== routingsReady) throw new Error(`${id} ${said}`);
    }
    return true;
  }, 60_000);

const equal = { 'p44i-p1-p2': 16, 'p44i-p1-p3': 16 };

/** OSPF alone, whatever was before. */
async function byOspf(): Promise<void> {
  follow(BESIDE);
  await ready();
  follow(OSPF);
  await waysAre('p1', own.p4, equal);
}

/** Pings of 10 ms from p1 to p4 while `work` goes on; gives how many were sent, and lost. */
async function during(work: () => Promise<unknown>): Promise<{ readonly sent: number; readonly lost: number }> {
  const argv = ['netns', 'exec', space('p1'), 'ping', '-n', '-q', '-i', '0.01', '-I', own.p1, own.p4];
  const ping = spawn('ip', argv, { stdio: ['ignore', 'pipe', 'ignore'] });
  let said = '';
  ping.stdout.on('data', (part: Buffer) => (said += part.toString('utf8')));
  const ended = new Promise((resolve) => ping.on('close', resolve));
  try {
    await work();
  } finally {
    ping.kill('SIGINT');
    await ended;
  }
  const [, sent, received] = /(\d+) packets transmitted, (\d+) received/.exec(said) ?? [];
  if (!(Number(sent) > 20)) throw new Error(`the probe has sent nothing: ${said}`);
  // The last one may be on its way when the probe is told to stop.
  return { sent: Number(sent), lost: Math.max(0, Number(sent) - Number(received) - 1) };
}

beforeAll(() => {
  birds = bareBirds('inner');
  birds.add(...ids.map(space));
  for (const { record } of base.interconnects.values()) {
    const [a, b] = [record.nodeA, record.nodeB] as [Id, Id];
    const low = Number(/\.(\d+)\/31$/.exec(record.link4)?.[1]);
    const end = (id: Id, at: 0 | 1) => ({
      space: space(id),
      link: `p44i-${record.id}`,
      addresses: [`172.30.0.${low + at}/31`, `fd44:0:0:1::${low + at}/127`],
    });
    birds.wire(end(a, 0), end(b, 1));
  }
  for (const id of ids) {
    const { loopback4 = '', loopback6 = '' } = base.nodes.get(id)?.record ?? {};
    for (const address of [`${loopback4}/32`, `${loopback6}/128`, ...(id in own ? [`${own[id as 'p1']}/32`] : [])])
      birds.ip('-n', space(id), 'address', 'add', address, 'dev', 'lo');
    for (const family of [4, 6])
      birds.ip(`-${family}`, '-n', space(id), 'rule', 'add', 'priority', '40000', 'lookup', '4401');
    const settings = ['net.ipv4.ip_forward=1', 'net.ipv4.fib_multipath_hash_policy=1', 'net.ipv4.conf.all.rp_filter=0'];
    birds.inside(space(id), '', 'sysctl', '-qw', ...settings, 'net.ipv6.conf.all.forwarding=1');
    // Where the tunnels of its slab come out.
    birds.ip('-n', space(id), 'link', 'add', 'p44w0', 'type', 'veth', 'peer', 'name', 'other');
    for (const link of ['p44w0', 'other']) birds.ip('-n', space(id), 'link', 'set', link, 'up');
    const home = { p1: '44.31.0.0/24', p4: '44.31.1.0/24' }[id as 'p1'];
    const place = ['dev', 'p44w0', 'table', '4401', 'protocol', String(routeProtocol)];
    if (home !== undefined) birds.ip('-n', space(id), 'route', 'add', home, ...place);
    birds.start(space(id), textOf(id));
  }
}, 60_000);
afterAll(() => birds.close());

test('from eBGP to OSPF and back by a time in which both stand: each is ready before the other one ends [N5]', async () => {
  await waysAre('p1', own.p4, equal);
  const steps: string[] = [];
  for (const [name, to] of [
    ['ebgp to beside', BESIDE],
    ['beside to ospf', OSPF],
    ['ospf to beside', BESIDE],
    ['beside to ebgp', EBGP],
  ] as const) {
    const { sent, lost } = await during(async () => {
      follow(to);
      await (to === BESIDE ? ready() : waysAre('p1', own.p4, equal));
      // What ends has told everybody.
      await realClock.sleep(2_000);
    });
    steps.push(`${name}: ${sent} pings, ${lost} lost`);
    expect(lost, name).toBe(0);
    await waysAre('p1', own.p4, equal);
  }
  stdout.write(`${steps.join('\n')}\n`);
}, 240_000);

test('two equal ways share by the weights that the mesh gives them, one that flaps is left, and no packet is lost by that [N4] [N5]', async () => {
  await byOspf();
  const shares = (weight: number, detour = false): ReadonlyMap<string, Share> =>
    new Map([['p44i-p1-p2', { weight, detour }]]);
  const { sent, lost } = await during(async () => {
    birds.load(space('p1'), textOf('p1', shares(4)));
    await waysAre('p1', own.p4, { 'p44i-p1-p2': 4, 'p44i-p1-p3': 16 });
    birds.load(space('p1'), textOf('p1', shares(1, true)));
    await waysAre('p1', own.p4, { 'p44i-p1-p3': 1 });
    birds.load(space('p1'), textOf('p1'));
    await waysAre('p1', own.p4, equal);
  });
  expect(sent).toBeGreaterThan(20);
  expect(lost).toBe(0);
}, 120_000);

test('a link that is cut in silence is left within what BFD waits for, and used again when it heals [N4]', async () => {
  await byOspf();
  const chains = ['input iif', 'output oif', 'forward iif', 'forward oif'].map((of, at) => {
    const [hook, end] = of.split(' ');
    return `chain c${at} { type filter hook ${hook} priority 0; ${end}name "p44i-p2-p4" drop; }`;
  });
  const { lost } = await during(async () => {
    birds.inside(space('p4'), `table inet cut { ${chains.join('; ')}; }`, 'nft', '-f', '-');
    await waysAre('p1', own.p4, { 'p44i-p1-p3': 1 });
    await waysAre('p4', own.p1, { 'p44i-p3-p4': 1 });
  });
  birds.inside(space('p4'), 'delete table inet cut', 'nft', '-f', '-');
  expect(await waysAre('p1', own.p4, equal)).toBe(true);
  stdout.write(`a silent cut: ${lost} pings of 10 ms lost\n`);
}, 120_000);
