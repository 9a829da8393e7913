//   The law of explain: what it says of a packet is what the packet meets.
//
//   host ---- inet ---- p1 (north), p2 (east), p3 (south)
//              |
//              +-- cgnat -- home -- client (station, at north)
//
// Every packet from the host comes in by whichever node the internet chooses: what passes there is judged at north.

import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Client, openClient } from '#internal/client/client.ts';
import { wgQuick } from '#internal/clientfile/clientfile.ts';
import { realClock } from '#internal/clock/clock.ts';
import type { Changed } from '#internal/gen/pop44/v1/common_pb.ts';
import type { ExplainResponse } from '#internal/gen/pop44/v1/explain_pb.ts';
import { cli } from '../cli-world.ts';
import { eventually } from '../eventually.ts';
import { adminContext } from './admin.ts';
import { newWgKeyPair } from './node-files.ts';
import { raiseLab } from './raise.ts';
import { host4, host6 } from './topology.ts';
import type { World } from './world.ts';

const soon = 10_000;
const keys = newWgKeyPair();
let lab: World;
let client: Client;
let address4 = '';
let address6 = '';
/** Of a packet to it before its client has ever called. */
let uncalled: ExplainResponse | undefined;

const exec = (netns: string, ...argv: readonly string[]) => lab.exec(netns, argv, { accept: [0, 1, 2] });
const pings = async (from: string, to: string, ...more: readonly string[]): Promise<boolean> =>
  (await exec(from, 'ping', '-n', '-c1', '-W1', ...more, to)).exitCode === 0;
const prober = fileURLToPath(new URL('./probe.ts', import.meta.url));
/** Whether the machine itself answered, be it by a refusal: what a node drops is silent. */
async function connects(from: string, to: string, port: number): Promise<boolean> {
  const { stdout } = await lab.exec(from, [process.execPath, prober, to, `tcp/${port}`]);
  return (JSON.parse(stdout) as Record<string, string>)[port] !== 'silent';
}

async function applied({ changed }: { readonly changed?: Changed | undefined }): Promise<void> {
  const signal = AbortSignal.timeout(20_000);
  let pending: readonly string[] = ['nobody has answered'];
  const revision = changed?.revision ?? 0n;
  for await (const answer of client.status.waitApplied({ revision }, { signal })) pending = answer.pendingNodeIds;
  expect(pending).toEqual([]);
}

interface Asked {
  readonly subject?: string;
  readonly from?: string;
  readonly to?: string;
  readonly protocol?: string;
  readonly port?: number;
}
const explain = (asked: Asked, node = 'p1'): Promise<ExplainResponse> =>
  client.at(node).explain.explain({ subject: 'station', ...asked });
const stepOf = ({ kernel }: ExplainResponse, where: string) => kernel?.steps.find((step) => step.where === where);

/** Plan and kernel agree, and both say this. */
function expectVerdict(answer: ExplainResponse, passes: boolean): void {
  expect([answer.difference, answer.kernelProblem]).toEqual(['', '']);
  const said = JSON.stringify([answer.plan, answer.kernel?.steps]);
  expect([answer.kernel?.verdict === 'passes', said]).toEqual([passes, said]);
}

async function raise(popId: string): Promise<void> {
  const template = await client.tunnels.getTunnelTemplate({ tunnel: 'station', popId });
  await writeFile('/run/station.conf', wgQuick({ ...template, privateKey: keys.privateKey }), { mode: 0o600 });
  const env = { WG_QUICK_USERSPACE_IMPLEMENTATION: 'wireguard-go' };
  await lab.exec('client', ['wg-quick', 'up', '/run/station.conf'], { env });
}

beforeAll(async () => {
  lab = await raiseLab({ directory: '/tmp/explain', clock: realClock });
  client = openClient(adminContext(lab));
  for (const prefix of ['44.31.0.0/22', '2001:db8:44::/48']) await client.pools.createPool({ prefix });
  const { publicKey } = keys;
  const created = await client.tunnels.createTunnel({ name: 'station', owner: 'ada', publicKey, homePopId: 'north' });
  address4 = created.tunnel?.prefixes[0]?.split('/')[0] ?? '';
  address6 = `${created.tunnel?.prefixes[1]?.split('/')[0] ?? ''}1`;
  await applied(created);
  uncalled = await explain({});
  await raise('north');
  for (const to of [address4, address6])
    await eventually(() => lab.exec('host', ['ping', '-n', '-c1', '-W1', to]), 20_000);
}, 90_000);

afterAll(async () => {
  client?.close();
  await lab?.stop();
});

test('a tunnel whose client has never called gets nothing, for that reason', () => {
  expect([uncalled?.kernelProblem, uncalled?.kernel?.verdict, uncalled?.kernel?.reason]).toEqual([
    '',
    'dropped',
    'station has never called this node',
  ]);
  expect(uncalled?.difference).toBe('');
});

test.each([
  ['ping by default, and no port', { presets: ['ping'] }, true, false],
  ['closed', { presets: ['closed'] }, false, false],
  ['ssh', { presets: ['ssh'] }, false, true],
  ['open', { presets: ['open'] }, true, true],
  ['a range of ports', { presets: ['ping'], rules: [{ protocol: 'tcp', firstPort: 20, lastPort: 25 }] }, true, true],
  ['a rule for others', { presets: ['closed'], rules: [{ protocol: 'tcp', source: '203.0.113.0/24' }] }, false, false],
  [
    'rules for the host',
    {
      presets: ['closed'],
      rules: [
        { protocol: 'tcp', firstPort: 22, source: '198.18.96.0/21' },
        { protocol: 'tcp', firstPort: 22, source: '2001:db8:1:60::/59' },
        { protocol: 'icmp', source: `${host4}/32` },
        { protocol: 'icmp', source: `${host6}/128` },
      ],
    },
    true,
    true,
  ],
])(
  '%s: the verdict is what packets meet, over both families',
  async (_, firewall, echoes, ssh) => {
    await applied(await client.tunnels.updateTunnel({ tunnel: 'station', firewall }));
    for (const [from, to] of [
      [host4, address4],
      [host6, address6],
    ] as const) {
      expectVerdict(await explain({ from }), echoes);
      expect(await pings('host', to)).toBe(echoes);
      const tcp = await explain({ from, protocol: 'tcp', port: 22 });
      expectVerdict(tcp, ssh);
      expect(await connects('host', to, 22)).toBe(ssh);
      if (!ssh)
        expect([stepOf(tcp, 'firewall')?.verdict, tcp.cure]).toEqual(['dropped', expect.stringMatching('tcp/22$')]);
    }
  },
  60_000,
);

test('the cure that is told is the cure', async () => {
  const firewall = { presets: ['closed'], rules: [{ protocol: 'udp', firstPort: 53 }] };
  await applied(await client.tunnels.updateTunnel({ tunnel: 'station', firewall }));
  const { cure } = await explain({ from: host4, port: 22 });
  expect(cure).toBe('pop44 tunnel firewall set station closed --allow udp/53 --allow tcp/22');
  expect(await cli(client, `${cure.slice('pop44 '.length)} --wait`)).toMatchObject({ code: 0 });
  expectVerdict(await explain({ from: host4, port: 22 }), true);
  expect(await connects('host', address4, 22)).toBe(true);
  await applied(await client.tunnels.updateTunnel({ tunnel: 'station', firewall: { presets: ['ping'] } }));
});

test('what a tunnel sends goes out from its own addresses alone, and not to martians', async () => {
  expectVerdict(await explain({ to: host4 }), true);
  expect(await pings('client', host4)).toBe(true);
  await lab.exec('client', ['ip', 'addr', 'add', '203.0.113.9/32', 'dev', 'station']);
  const spoofed = await explain({ to: host4, from: '203.0.113.9' });
  expectVerdict(spoofed, false);
  expect(spoofed.kernel?.steps.at(-1)?.where).toBe('sender');
  expect(await pings('client', host4, '-I', '203.0.113.9')).toBe(false);
  await lab.exec('client', ['ip', 'addr', 'del', '203.0.113.9/32', 'dev', 'station']);
  expectVerdict(await explain({ to: '172.16.0.1' }), false);
  expect(await pings('client', '172.16.0.1')).toBe(false);
  const [{ node }] = lab.nodes as [World['nodes'][number]];
  expectVerdict(await explain({ to: node.loopback4 }), true);
  expect(await pings('client', node.loopback4)).toBe(true);
  expectVerdict(await explain({ to: node.loopback4, port: 179 }), false);
  expect(await connects('client', node.loopback4, 179)).toBe(false);
}, 30_000);

test('a node that only passes packets on says so, and they arrive', async () => {
  const at = await explain({ from: host4 }, 'p2');
  expect(at.kernel?.verdict).toBe('passes');
  expect(stepOf(at, 'route')?.rule).toMatch(/ dev p44i-/);
  expect(stepOf(at, 'forward')?.rule).toBe('to our addresses, by the fabric');
  expect(await pings('host', address4)).toBe(true);
});

test('rates are told with their class', async () => {
  const rates = { rateUpBitPerSecond: 5_000_000n, rateDownBitPerSecond: 20_000_000n };
  await applied(await client.tunnels.updateTunnel({ tunnel: 'station', ...rates }));
  await eventually(async () => {
    expect(stepOf(await explain({ from: host4 }), 'shaper down')?.rule).toBe(
      'past its class while it is well below its rate, else 20Mbit/s',
    );
    return true;
  }, soon);
  const up = await explain({ to: host4 });
  expectVerdict(up, true);
  expect(stepOf(up, 'shaper up')?.rule).toBe('past its class while it is well below its rate, else 5Mbit/s');
  expect(await pings('client', host4)).toBe(true);
  const none = { rateUpBitPerSecond: 0n, rateDownBitPerSecond: 0n };
  await applied(await client.tunnels.updateTunnel({ tunnel: 'station', ...none }));
  expect(stepOf(await explain({ from: host4 }), 'shaper down')?.rule).toBe('no rate down: not shaped');
}, 30_000);

test('suspended, disabled, given up: each is the reason, and nothing comes through', async () => {
  await applied(await client.desk.suspendTunnel({ tunnel: 'station', reason: 'open relay' }));
  const suspended = await explain({ from: host4 });
  expectVerdict(suspended, false);
  expect([suspended.kernel?.reason, suspended.cure]).toEqual([
    expect.stringContaining('station is suspended: open relay'),
    'pop44 tunnel unsuspend station',
  ]);
  expect(await pings('host', address4)).toBe(false);
  await applied(await client.desk.unsuspendTunnel({ tunnel: 'station' }));
  await applied(await client.tunnels.updateTunnel({ tunnel: 'station', enabled: false }));
  expectVerdict(await explain({ from: host4 }), false);
  await applied(await client.tunnels.updateTunnel({ tunnel: 'station', enabled: true }));
  await eventually(() => lab.exec('client', ['ping', '-n', '-c1', '-W1', host4]), 20_000);
  for (const address of [address4, address6]) {
    await applied(await client.desk.createBlackhole({ address, reason: 'flood' }));
    const given = await explain({ subject: address });
    expectVerdict(given, false);
    expect([given.kernel?.steps.at(-1)?.where, given.cure]).toEqual(['blackhole', `pop44 blackhole delete ${address}`]);
    expect(await pings('host', address)).toBe(false);
    await applied(await client.desk.deleteBlackhole({ address }));
    await eventually(() => lab.exec('host', ['ping', '-n', '-c1', '-W1', address]), 20_000);
  }
  const free = await explain({ subject: '44.31.0.200' });
  expectVerdict(free, false);
  expect([free.kernel?.verdict, await pings('host', '44.31.0.200')]).toEqual(['rejected', false]);
}, 90_000);

test('what another hand changed is told as a difference until it is mended [S4]', async () => {
  // Nobody watches peers and routes between two comparisons.
  const { stdout } = await lab.exec('p1p', ['ip', '-j', 'route', 'show', 'table', '4401', 'protocol', '44']);
  const home = (JSON.parse(stdout) as readonly { readonly dst: string }[]).find(({ dst }) => dst.startsWith('44.31.'));
  let broken: ExplainResponse | undefined;
  // Between its breaking and the question a comparison may fall.
  await eventually(async () => {
    await exec('p1p', 'ip', 'route', 'del', home?.dst ?? '', 'table', '4401', 'proto', '44');
    broken = await explain({ from: host4 });
    return broken.difference !== '' && broken.plan?.verdict === 'passes';
  }, soon);
  expect(broken?.difference).toContain(`route: planned is passes: ${home?.dst} dev p44w0`);
  await eventually(async () => {
    expectVerdict(await explain({ from: host4 }), true);
    return true;
  }, 20_000);
  let robbed: ExplainResponse | undefined;
  await eventually(async () => {
    const { tunnel } = await client.tunnels.getTunnel({ tunnel: 'station' });
    await exec('p1p', 'wg', 'set', 'p44w0', 'peer', tunnel?.publicKey ?? '', 'allowed-ips', '');
    robbed = await explain({ from: host4 });
    return robbed.difference !== '';
  }, soon);
  expect([robbed?.kernel?.verdict, robbed?.plan?.verdict]).toEqual(['dropped', 'passes']);
  expect(robbed?.difference).toContain(`found is dropped: WireGuard leads no ${address4} to station`);
}, 60_000);

test('away from home it is told where the tunnel is, and the way there [A3]', async () => {
  await lab.exec('client', ['wg-quick', 'down', '/run/station.conf']);
  await raise('east');
  await eventually(() => lab.exec('client', ['ping', '-n', '-c1', '-W1', host4]), 20_000);
  await eventually(async () => {
    const home = await explain({ from: host4 });
    expectVerdict(home, true);
    expect(home.plan?.steps.find(({ where }) => where === 'route')?.rule).toBe(`to p2, where ${address4} lives now`);
    expect(stepOf(home, 'route')?.rule).toMatch(new RegExp(`^${address4}/32 dev p44i-`));
    expect([home.nodeIds[0], home.kernel?.reason]).toEqual(['p2', expect.stringMatching('^goes on to p2 by p44i-')]);
    return true;
  }, 20_000);
  const away = await explain({ from: host4 }, 'p2');
  expectVerdict(away, true);
  expect(away.kernel?.reason).toBe('reaches station');
  expect(await pings('host', address4)).toBe(true);
  const { stdout } = await cli(client, ['explain', address4, '--from', host4]);
  expect(stdout.split('\n').slice(0, 2)).toEqual([
    'passes at p2: reaches station',
    expect.stringMatching('^passes at p1: goes on to p2'),
  ]);
}, 60_000);

test('people read the verdict first, and exit is 0 whatever it is', async () => {
  const { code, stdout, stderr } = await cli(client, ['explain', 'station', '--from', host4, '--port', '22']);
  expect([code, stderr]).toEqual([0, '']);
  const [verdict, cure] = stdout.split('\n');
  expect(verdict).toBe(`dropped at p2: no preset or rule admits tcp/22 from ${host4} (firewall: ping)`);
  expect(cure).toBe('  to let it pass: pop44 tunnel firewall set station ping --allow tcp/22');
});

test('without its privileged half a node tells its plan, and that nobody knows the kernel', async () => {
  const dataplane = lab.service('p1-dataplane');
  await dataplane.stop();
  const answer = await explain({ from: host4 });
  expect([answer.plan?.verdict, answer.kernel]).toEqual(['passes', undefined]);
  expect(answer.kernelProblem).toContain('does not answer');
  await dataplane.start();
}, 30_000);
