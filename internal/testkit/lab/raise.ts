// Raise: pop44 on the nodes of a world, as a service manager and an admin would start it.

import { openClient } from '#internal/client/client.ts';
import { Fault, messageOf } from '#internal/errors/errors.ts';
import { eventually } from '../eventually.ts';
import { programFile } from '../programs.ts';
import { adminContext } from './admin.ts';
import { etcdArgv, etcdProgram } from './etcd-member.ts';
import { logTails } from './logs.ts';
import { nodeFiles } from './node-files.ts';
import { createFabric } from './records.ts';
import type { LabNode } from './topology.ts';
import { raiseWorld } from './world.ts';
import type { World, WorldOptions } from './world.ts';

const installed = [process.execPath, programFile('pop44d')];

/** Nothing that a process could use against the kernel: pop44d and etcd hold no capability (DESIGN.md, section 2). */
export const unprivileged = ['setpriv', '--bounding-set=-all', '--inh-caps=-all', '--no-new-privs', '--'];

/** Seconds are for a loaded machine; each takes well below one. */
const meshWithinMs = 20_000;
const fabricWithinMs = 30_000;
const announcedWithinMs = 20_000;

async function meshIsUp(world: World, node: LabNode): Promise<boolean> {
  const { stdout } = await world.exec(node.transport, ['ip', '-o', '-6', 'addr', 'show', 'dev', 'p44m', 'up']);
  return stdout.includes(`${node.meshAddress}/`);
}

/** The privileged halves; done when every node has its end of the mesh. */
async function startDataplanes(world: World, pop44d: readonly string[]): Promise<void> {
  for (const { node } of world.nodes)
    await world.serve(`${node.id}-dataplane`, node.transport, [
      ...[...pop44d, 'dataplane', '--config', nodeFiles(node.id).config],
    ]);
  for (const { node } of world.nodes) await eventually(() => meshIsUp(world, node), meshWithinMs);
}

/** Wants a mesh to listen on. */
export async function startEtcd(world: World): Promise<void> {
  const program = await etcdProgram();
  const members = world.nodes.map(({ node }) => node);
  for (const node of members)
    await world.serve(`${node.id}-etcd`, node.transport, [...unprivileged, ...etcdArgv(node, members, program)]);
}

async function startDaemons(world: World, pop44d: readonly string[]): Promise<void> {
  for (const { node } of world.nodes)
    await world.serve(`${node.id}-daemon`, node.transport, [
      ...unprivileged,
      ...[...pop44d, 'run', '--config', nodeFiles(node.id).config],
    ]);
}

/** Done when every node has carried it out. */
async function makeFabricKnown(world: World): Promise<void> {
  const client = openClient(adminContext(world));
  try {
    // Repeated whole until a daemon is there and etcd has elected.
    const revision = await eventually(() => createFabric(world.nodes, client), fabricWithinMs);
    for await (const { pendingNodeIds } of client.status.waitApplied({ revision }, { deadlineMs: fabricWithinMs }))
      if (pendingNodeIds.length === 0) break;
  } finally {
    client.close();
  }
}

/** Done when the internet has a route to every endpoint, or a neighbour: a client's first packet finds its way. */
async function endpointsAnnounced(world: World): Promise<void> {
  const onLan = world.nodes.find(({ node }) => node.lan === true)?.node;
  for (const endpoint of onLan === undefined ? [] : [onLan.endpoint4, onLan.endpoint6])
    await eventually(() => world.exec('inet', ['ping', '-n', '-c1', '-W1', endpoint]), announcedWithinMs);
  await eventually(async () => {
    const routes = await Promise.all(
      ['-4', '-6'].map((family) => world.exec('inet', ['ip', family, 'route', 'show', 'proto', 'bird'])),
    );
    const known = new Set(routes.flatMap(({ stdout }) => stdout.split('\n').map((line) => line.split(' ')[0])));
    const missing = world.nodes
      .flatMap(({ node }) => (node.lan === true ? [] : [node.endpoint4, node.endpoint6]))
      .filter((endpoint) => !known.has(endpoint));
    if (missing.length > 0) throw new Error(`the internet has no route to ${missing.join(', ')}`);
    return true;
  }, announcedWithinMs);
}

/**
 * The world and pop44 in it, its fabric known and no pool yet.
 * @throws Fault `lab` with the ends of the logs; everything is stopped then
 */
export async function raiseLab(options: WorldOptions): Promise<World> {
  const pop44d = options.daemonArgv ?? installed;
  const givenUp = Promise.withResolvers<never>();
  // It also happens long after the raise, when nobody waits for it any more.
  givenUp.promise.catch(() => {});
  const onGivenUp = (service: string, reason: string): void => {
    options.onGivenUp?.(service, reason);
    givenUp.reject(new Fault('lab', `${service} does not stay up`));
  };
  const world = await raiseWorld({ ...options, onGivenUp });
  const step = (name: string, work: () => Promise<void>): Promise<void> =>
    world.step(name, () => Promise.race([work(), givenUp.promise]));
  try {
    await step('pop44d dataplane, mesh', () => startDataplanes(world, pop44d));
    await step('etcd', () => startEtcd(world));
    await step('pop44d', () => startDaemons(world, pop44d));
    await step('fabric', () => makeFabricKnown(world));
    await step('endpoints announced', () => endpointsAnnounced(world));
    return world;
  } catch (thrown) {
    const tails = await logTails(world.directory, 4);
    await world.stop();
    throw new Fault('lab', [...tails, messageOf(thrown)].join('\n'), thrown);
  }
}
