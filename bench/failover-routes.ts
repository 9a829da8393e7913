// Failover routes: what a move costs in routes. Many tunnels at home in one PoP change its node by the routes of their block;
// one tunnel that is away from home has its own, whose way to the other nodes must not hang on how many tunnels there are.

import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { realClock } from '#internal/clock/clock.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { noiseKeysOf } from '#internal/testkit/noise.ts';
import { program, type Scene, settled, withinMs } from './failover-scene.ts';
import type { BenchOptions } from './main.ts';
import { type Figures, figure, median } from './report.ts';
import { applied } from './tunnels.ts';

const pools = ['44.32.0.0/16', '2001:db8:5000::/40'] as const;
/** The most that one delegation holds (64 slabs): 16,384 addresses. */
const blockLength = { 4: 18, 6: 50 } as const;
const few = { home: 10, away: 100 } as const;
const quickMany = 2_000;
const many = 10_000;
/** Milliseconds between two orders: a node follows one each 10 s (cmd/pop44d/pair.ts). */
const orderEachMs = 11_000;
const awaySamples = 12;
const stillMs = 1_500;
const leastMs = 0.1;
const sources = Array.from({ length: 20 }, (_, at) => `198.18.100.${at + 20}`);
/** As anybody else's: within the node's limits, one handshake each. */
const awayService = 'host-away';

/** `[2026-11-26T10:15:26.123456] Deleted 44.31.0.5 dev p44w0 ...` (ip -ts monitor route). */
interface RouteEvent {
  readonly atMs: number;
  readonly deleted: boolean;
  readonly prefix: string;
}
const eventsIn = (text: string): readonly RouteEvent[] =>
  [...text.matchAll(/^\[(\S+)\] (Deleted )?(?:unicast )?(\S+) /gm)].map(([, at = '', deleted, prefix = '']) => ({
    // Date knows milliseconds, and this is about few of them.
    atMs: Date.parse(`${at.slice(0, 23)}Z`) + Number(at.slice(23)) / 1_000,
    deleted: deleted !== undefined,
    prefix,
  }));

const monitors = ['p1', 'p2'] as const;
type Monitor = (typeof monitors)[number];
const monitorOf = (node: Monitor): string => `${node}-routes`;

async function startMonitors({ lab }: Scene): Promise<void> {
  for (const node of monitors)
    await lab.serve(monitorOf(node), `${node}p`, ['env', 'TZ=UTC', 'stdbuf', '-oL', 'ip', '-ts', 'monitor', 'route']);
}
const seen = async ({ lab }: Scene, node: Monitor): Promise<readonly RouteEvent[]> =>
  eventsIn(await readFile(lab.service(monitorOf(node)).logFile, 'utf8'));

interface Made {
  readonly id: string;
  readonly privateKey: string;
  readonly address: string;
}

/** As fast as the API takes them. */
async function createTunnels({ client }: Scene, count: number, from: readonly string[]): Promise<readonly Made[]> {
  const made: Made[] = [];
  let left = count;
  const worker = async (): Promise<void> => {
    while (left-- > 0) {
      const privateKey = randomBytes(32).toString('base64');
      const publicKey = noiseKeysOf(privateKey).publicKey.toString('base64');
      const { tunnel } = await client.tunnels.createTunnel({ publicKey, homePopId: 'south', pools: [...from] });
      made.push({ id: tunnel?.id ?? '', privateKey, address: tunnel?.prefixes[0]?.split('/')[0] ?? '' });
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  return made;
}

interface HomeMove {
  readonly ms: number;
  readonly routes: number;
}

/** An order, and what it changes at p1 until nothing has for a while. */
async function homeMove(scene: Scene, blocks: readonly string[]): Promise<HomeMove> {
  const [, standby] = await settled(scene);
  await realClock.sleep(orderEachMs);
  const beganMs = realClock.wall().getTime();
  await scene.client.fabric.takeOver({ node: standby });
  const changes = async (): Promise<readonly RouteEvent[]> =>
    (await seen(scene, 'p1')).filter(({ atMs, prefix }) => atMs >= beganMs && blocks.includes(prefix));
  await eventually(async () => {
    const last = (await changes()).at(-1)?.atMs;
    return last !== undefined && realClock.wall().getTime() - last > stillMs;
  }, withinMs);
  const all = await changes();
  return { ms: (all.at(-1)?.atMs ?? Number.NaN) - beganMs, routes: all.length };
}

/** Milliseconds from a tunnel's own route at p1, where it has just come to, until p2 has one to there. */
async function awayTimes(scene: Scene, tunnels: readonly Made[]): Promise<readonly number[]> {
  const { lab, client } = scene;
  const template = await client.tunnels.getTunnelTemplate({ tunnel: tunnels[0]?.id ?? '', popId: 'north' });
  const file = '/run/away-keys.json';
  const times: number[] = [];
  const server = [template.peerPublicKey, template.endpointAddress, String(template.endpointPort)];
  for (const [at, { privateKey, address }] of tunnels.entries()) {
    await writeFile(file, JSON.stringify([privateKey]), { mode: 0o600 });
    const name = `${awayService}-${address}`;
    await lab.serve(name, 'host', [
      process.execPath,
      program('live-clients'),
      file,
      ...server,
      sources[at % sources.length] ?? '',
    ]);
    const cameAt = async (node: Monitor): Promise<number | undefined> =>
      (await seen(scene, node)).find(({ deleted, prefix }) => !deleted && prefix === address)?.atMs;
    await eventually(async () => (await cameAt('p2')) !== undefined && (await cameAt('p1')) !== undefined, withinMs);
    // Two monitors tell the time when each gets to it.
    times.push(Math.max(leastMs, ((await cameAt('p2')) ?? 0) - ((await cameAt('p1')) ?? 0)));
    await lab.service(name).stop();
  }
  return times;
}

export async function routes(scene: Scene, { quick, say }: BenchOptions): Promise<Figures> {
  const { lab, client } = scene;
  await startMonitors(scene);
  for (const source of sources) await lab.exec('host', ['ip', 'address', 'add', `${source}/24`, 'dev', 'eth0']);
  const blocks: string[] = [];
  for (const pool of pools) {
    await client.pools.createPool({ prefix: pool });
    const length = blockLength[pool.includes(':') ? 6 : 4];
    blocks.push((await client.pools.delegatePool({ pool, length, popId: 'south' })).pool?.prefix ?? '');
  }
  const rounds = quick ? 2 : 5;
  const moves = async (): Promise<readonly HomeMove[]> => {
    const all: HomeMove[] = [];
    for (let left = rounds; left > 0; left -= 1) all.push(await homeMove(scene, blocks));
    return all;
  };
  await createTunnels(scene, few.home, blocks);
  await applied(client);
  const little = await moves();
  say(
    `a PoP with ${few.home} tunnels changes its node: ${little.map(({ ms, routes: n }) => `${ms.toFixed(0)} ms, ${n} changes of routes`).join('; ')}`,
  );
  const hundred = await createTunnels(scene, few.away - few.home, blocks);
  await applied(client);
  const near = await awayTimes(scene, hundred.slice(0, awaySamples));
  say(
    `a tunnel comes to another PoP, with ${few.away}: ${near.map((ms) => ms.toFixed(1)).join(', ')} ms until the next node knows`,
  );
  const most = quick ? quickMany : many;
  await createTunnels(scene, most - few.away, blocks);
  await applied(client);
  const far = await awayTimes(scene, hundred.slice(awaySamples, 2 * awaySamples));
  say(`with ${most}: ${far.map((ms) => ms.toFixed(1)).join(', ')} ms`);
  const much = await moves();
  say(
    `a PoP with ${most} tunnels changes its node: ${much.map(({ ms, routes: n }) => `${ms.toFixed(0)} ms, ${n} changes of routes`).join('; ')}`,
  );
  const msOf = (all: readonly HomeMove[]): readonly number[] => all.map(({ ms }) => ms);
  const routesOf = (all: readonly HomeMove[]): readonly number[] => all.map((each) => each.routes);
  return {
    home_move_routes_10: figure(median(routesOf(little)), 'changes', '', routesOf(little)),
    home_move_routes_many: figure(median(routesOf(much)), 'changes', '', routesOf(much)),
    home_move_ms_10: figure(median(msOf(little)), 'ms', '', msOf(little)),
    home_move_ratio: figure(median(msOf(much)) / median(msOf(little)), 'ratio', '<= 1.2', msOf(much)),
    away_route_ms_100: figure(median(near), 'ms', '', near),
    away_route_ratio: figure(median(far) / median(near), 'ratio', '<= 1.5', far),
    routes_tunnels: figure(most, 'tunnels', ''),
  };
}
