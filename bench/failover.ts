// Failover: how long a client that knows nothing of it hears nothing, when the active node of a PoP dies as a whole (kill -9
// of everything), beside what WireGuard does by itself: the same death, and nobody calls.
//
// Echoes each 20 ms both ways through the tunnel; the longest silence counts. The stock client is the same one, whose PoP
// has forgotten where it was.

import { rm, writeFile } from 'node:fs/promises';
import { type Client, openClient } from '#internal/client/client.ts';
import { wgQuick } from '#internal/clientfile/clientfile.ts';
import { realClock } from '#internal/clock/clock.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { adminContext, raiseLab, type World } from '#internal/testkit/lab/lab.ts';
import { newWgKeyPair } from '#internal/testkit/lab/node-files.ts';
import { type Outage, outageDuring } from '#internal/testkit/lab/outage.ts';
import { killNode, type Member, rolesOf, startNode } from '#internal/testkit/lab/pair.ts';
import { host4 } from '#internal/testkit/lab/topology.ts';
import { coldStartMs } from '#internal/takeover/takeover.ts';
import type { BenchOptions } from './main.ts';
import { newerProgramsHere } from './newer-programs.ts';
import { type Figures, figure, median } from './report.ts';

const withinMs = 60_000;
/** Seconds: longer than an outage, and than the 15 s of a stock client. */
const watchSeconds = 4;
const stockSeconds = 20;
/** Milliseconds that a node watches before anything happens to it. */
const calmMs = 500;

interface Scene {
  readonly lab: World;
  readonly client: Client;
  readonly address: string;
  readonly publicKey: string;
}

async function raiseScene(): Promise<Scene> {
  const lab = await raiseLab({ directory: '/tmp/bench', clock: realClock, pair: true });
  const client = openClient(adminContext(lab));
  const station = newWgKeyPair();
  try {
    for (const prefix of ['44.31.0.0/22', '2001:db8:44::/48']) await client.pools.createPool({ prefix });
    const { changed, tunnel } = await client.tunnels.createTunnel({
      name: 'station',
      publicKey: station.publicKey,
      homePopId: 'south',
    });
    const revision = changed?.revision ?? 0n;
    for await (const { pendingNodeIds } of client.status.waitApplied({ revision }, { deadlineMs: withinMs }))
      if (pendingNodeIds.length === 0) break;
    const template = await client.tunnels.getTunnelTemplate({ tunnel: 'station', popId: 'south' });
    await writeFile('/run/station.conf', wgQuick({ ...template, privateKey: station.privateKey }), { mode: 0o600 });
    await rolesOf(lab, withinMs);
    const env = { WG_QUICK_USERSPACE_IMPLEMENTATION: 'wireguard-go' };
    await lab.exec('client', ['wg-quick', 'up', '/run/station.conf'], { env });
    return { lab, client, address: tunnel?.prefixes[0]?.split('/')[0] ?? '', publicKey: station.publicKey };
  } catch (thrown) {
    client.close();
    await lab.stop();
    throw thrown;
  }
}

/** Both nodes are well, and the standby knows where the station is. */
async function settled({ lab, address, publicKey }: Scene): Promise<readonly [Member, Member]> {
  const roles = await rolesOf(lab, withinMs);
  await eventually(() => lab.exec('client', ['ping', '-n', '-c1', '-W1', host4]), withinMs);
  await eventually(() => lab.exec('host', ['ping', '-n', '-c1', '-W1', address]), withinMs);
  // A node that has just come back takes nothing over until it has heard the others for a while.
  const control = `/run/node/${roles[1]}/run/transport.bird.ctl`;
  await eventually(async () => {
    const { stdout } = await lab.exec(`${roles[1]}t`, ['birdc', '-s', control, 'show', 'protocols']);
    return /^p44u_\S+ .* Established/m.test(stdout) && /^p44s_\S+ .* Established/m.test(stdout);
  }, withinMs);
  await realClock.sleep(coldStartMs + calmMs);
  const file = `/run/node/${roles[1]}/sibling-endpoints`;
  await eventually(async () => (await lab.exec('host', ['cat', file])).stdout.includes(publicKey), withinMs);
  return roles;
}

type Before = (roles: readonly [Member, Member]) => Promise<void>;

/** The active node dies while both directions are watched; it is back afterwards. */
async function death(scene: Scene, seconds: number, before?: Before): Promise<readonly Outage[]> {
  const { lab, address } = scene;
  const roles = await settled(scene);
  const [active] = roles;
  await before?.(roles);
  const watched = Promise.all([
    outageDuring(lab, 'client', host4, seconds),
    outageDuring(lab, 'host', address, seconds),
  ]);
  await realClock.sleep(calmMs);
  await killNode(lab, active);
  const outages = await watched;
  await startNode(lab, active);
  return outages;
}

/** The standby's privileged half begins anew, knowing nothing of its peers, and nobody tells it. */
async function forgets({ lab, client }: Scene, [active, standby]: readonly [Member, Member]): Promise<void> {
  await lab.service(`${active}-daemon`).stop();
  await lab.service(`${standby}-dataplane`).stop();
  await rm(`/run/node/${standby}/sibling-endpoints`);
  await lab.service(`${standby}-dataplane`).start();
  await eventually(async () => {
    const { nodes } = await client.fabric.listNodes({});
    // It is waiting first, so that this is the role of the new one.
    return nodes.some(
      ({ node, role, failingSteps }) => node?.id === standby && role === 'standby' && failingSteps === 0,
    );
  }, withinMs);
}

export async function failover({ quick, runs, say }: BenchOptions): Promise<Figures> {
  say(await newerProgramsHere());
  const scene = await raiseScene();
  const ours: number[] = [];
  const stock: number[] = [];
  try {
    for (let left = quick ? 3 : Math.max(runs, 20); left > 0; left -= 1) {
      const outages = await death(scene, watchSeconds);
      ours.push(...outages.map(({ ms }) => ms));
      say(
        `death of the active node: ${outages.map(({ ms, ended }) => `${ms} ms${ended ? '' : ' and on'}`).join(', ')}`,
      );
    }
    for (let left = quick ? 1 : 3; left > 0; left -= 1) {
      const outages = await death(scene, stockSeconds, (roles) => forgets(scene, roles));
      stock.push(...outages.map(({ ms }) => ms));
      say(`the same, and nobody calls: ${outages.map(({ ms }) => `${ms} ms`).join(', ')}`);
    }
  } finally {
    scene.client.close();
    await scene.lab.stop();
  }
  return {
    outage_median_ms: figure(median(ours), 'ms', '<= 400', ours),
    outage_worst_ms: figure(Math.max(...ours), 'ms', '<= 1000', ours),
    stock_median_ms: figure(median(stock), 'ms', '', stock),
  };
}
