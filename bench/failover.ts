// Failover: how long a client that knows nothing of it hears nothing, when the active node of a PoP dies as a whole (kill -9
// of everything), beside what WireGuard does by itself: the same death, and nobody calls.
//
// Echoes, or whatever else a client hears, each 20 ms; the longest silence counts. The stock client is the same one, whose
// PoP has forgotten where it was.

import { rm } from 'node:fs/promises';
import { realClock } from '#internal/clock/clock.ts';
import { cli } from '#internal/testkit/cli-world.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { type Outage, outageDuring } from '#internal/testkit/lab/outage.ts';
import { killNode, type Member, startNode } from '#internal/testkit/lab/pair.ts';
import { host4 } from '#internal/testkit/lab/topology.ts';
import { anycast } from './failover-anycast.ts';
import { drain } from './failover-drain.ts';
import { deaths } from './failover-kinds.ts';
import { routes } from './failover-routes.ts';
import { raiseScene, type Scene, settled, withinMs } from './failover-scene.ts';
import { thousand } from './failover-thousand.ts';
import type { BenchOptions } from './main.ts';
import { newerProgramsHere } from './newer-programs.ts';
import { type Figures, figure, median } from './report.ts';

/** Seconds: longer than an outage, than the 15 s of a stock client, and than a part of a node takes to come back. */
const watchSeconds = 4;
const stockSeconds = 20;
const restartSeconds = 10;
/** For a window, a restart of BIRD with its sessions, and the window's end; for a move before it, too. */
const orderedSeconds = 25;
/** Milliseconds that a node watches before anything happens to it. */
const calmMs = 500;

type Roles = readonly [Member, Member];

/** Something happens to the active node while both directions of the one nearby are watched. */
async function during(
  scene: Scene,
  seconds: number,
  happens: (roles: Roles) => Promise<unknown>,
  before?: (roles: Roles) => Promise<void>,
): Promise<readonly Outage[]> {
  const { lab, stations } = scene;
  const { address } = stations.near;
  const roles = await settled(scene);
  await before?.(roles);
  const watched = Promise.all([
    outageDuring(lab, 'client', host4, { seconds, from: address }),
    outageDuring(lab, 'host', address, seconds),
  ]);
  // Of what does not happen it is told first.
  watched.catch(() => undefined);
  await realClock.sleep(calmMs);
  await happens(roles);
  return watched;
}

/** The standby's privileged half begins anew, knowing nothing of its peers, and nobody tells it. */
async function forgets({ lab, client }: Scene, [active, standby]: Roles): Promise<void> {
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

async function stock(scene: Scene, { quick, say }: BenchOptions): Promise<Figures> {
  const times: number[] = [];
  for (let left = quick ? 1 : 3; left > 0; left -= 1) {
    let killed: Member | undefined;
    const outages = await during(
      scene,
      stockSeconds,
      ([active]) => {
        killed = active;
        return killNode(scene.lab, active);
      },
      (roles) => forgets(scene, roles),
    );
    if (killed !== undefined) await startNode(scene.lab, killed);
    times.push(...outages.map(({ ms }) => ms));
    say(`the same, and nobody calls: ${outages.map(({ ms }) => `${ms} ms`).join(', ')}`);
  }
  return { stock_median_ms: figure(median(times), 'ms', '', times) };
}

/** Ends what a file of a node names; whoever looks after it starts it again. */
async function endBy({ lab }: Scene, node: Member, file: string): Promise<void> {
  const { stdout } = await lab.exec(`${node}t`, ['cat', `/run/node/${node}/run/${file}.pid`]);
  process.kill(Number(stdout), 'SIGKILL');
}

async function wireguard(scene: Scene, { quick, runs, say }: BenchOptions): Promise<Figures> {
  const times: number[] = [];
  for (let left = quick ? 3 : Math.max(runs, 20); left > 0; left -= 1) {
    const outages = await during(scene, watchSeconds, ([active]) => endBy(scene, active, 'p44w0'));
    times.push(...outages.map(({ ms }) => ms));
    say(`death of the WireGuard process: ${outages.map(({ ms }) => `${ms} ms`).join(', ')}`);
  }
  return {
    wireguard_median_ms: figure(median(times), 'ms', '<= 200', times),
    wireguard_worst_ms: figure(Math.max(...times), 'ms', '', times),
  };
}

const anew = async ({ lab }: Scene, name: string): Promise<void> => {
  await lab.service(name).stop();
  await lab.service(name).start();
};
/** As an operator types it. */
async function ordered({ client }: Scene, line: string): Promise<void> {
  const { code, stderr } = await cli(client, line);
  if (code !== 0) throw new Error(`${line}: ${stderr}`);
}

interface Restart {
  readonly seconds: number;
  /** Of a process that dies and is started again by its node: told, and not aimed at. */
  readonly unplanned?: true;
  readonly of: (scene: Scene, roles: Roles) => Promise<void>;
}
const restarts: Readonly<Record<string, Restart>> = {
  daemon: { seconds: restartSeconds, of: (scene, [active]) => anew(scene, `${active}-daemon`) },
  dataplane: { seconds: restartSeconds, of: (scene, [active]) => anew(scene, `${active}-dataplane`) },
  etcd: { seconds: restartSeconds, of: (scene, [active]) => anew(scene, `${active}-etcd`) },
  pop_bird: { seconds: orderedSeconds, of: (scene, [active]) => ordered(scene, `node restart-routing ${active}`) },
  // Its sibling takes its silence for its end: it leads first (docs/operating.md).
  transport_bird: {
    seconds: orderedSeconds,
    of: async (scene, [active, standby]) => {
      await ordered(scene, `node takeover ${standby}`);
      await eventually(async () => {
        const { nodes } = await scene.client.fabric.listNodes({});
        return nodes.some(({ node, role }) => node?.id === active && role === 'standby');
      }, withinMs);
      await ordered(scene, `node restart-routing ${active} --plane transport`);
    },
  },
  pop_bird_killed: {
    seconds: restartSeconds,
    unplanned: true,
    of: (scene, [active]) => endBy(scene, active, 'pop.bird'),
  },
  transport_bird_killed: {
    seconds: restartSeconds,
    unplanned: true,
    of: (scene, [active]) => endBy(scene, active, 'transport.bird'),
  },
};

async function restarted(scene: Scene, { quick, say }: BenchOptions): Promise<Figures> {
  const figures: Record<string, Figures[string]> = {};
  for (const [name, { seconds, unplanned, of }] of Object.entries(restarts)) {
    const lost: number[] = [];
    for (let left = quick ? 1 : 5; left > 0; left -= 1) {
      const outages = await during(scene, seconds, (roles) => of(scene, roles));
      lost.push(...outages.map((outage) => outage.lost));
      say(`restart of the active node's ${name}: ${lost.slice(-2).join(' and ')} lost`);
    }
    figures[`restart_${name}_lost`] = figure(Math.max(...lost), 'packets', unplanned === true ? '' : '<= 0', lost);
  }
  return figures;
}

const parts: Readonly<Record<string, (scene: Scene, options: BenchOptions) => Promise<Figures>>> = {
  deaths: (scene, { quick, runs, say }) => deaths(scene, quick ? 3 : Math.max(runs, 20), say),
  wireguard,
  stock,
  restarts: restarted,
  // The last: their tunnels stay.
  thousand,
  routes,
  drain,
};
/** In a lab of its own. */
const anycastPart = 'anycast';
export const failoverParts = [...Object.keys(parts), anycastPart];

export async function failover(options: BenchOptions): Promise<Figures> {
  const { only, say } = options;
  say(await newerProgramsHere());
  if (only === anycastPart) return anycast(options);
  const scene = await raiseScene();
  const figures: Record<string, Figures[string]> = {};
  try {
    for (const [name, part] of Object.entries(parts))
      if (only === undefined || only === name) Object.assign(figures, await part(scene, options));
  } finally {
    scene.client.close();
    await scene.lab.stop();
  }
  if (only === undefined) Object.assign(figures, await anycast(options));
  return figures;
}
