// World: everything that stands before pop44 does: networks, NATs, a transit, a web server, and each node's files.

import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { machinesDirectory } from '#internal/client/client.ts';
import type { Clock } from '#internal/clock/clock.ts';
import type { Kept, RunOutput } from '#internal/exec/exec.ts';
import { run } from '#internal/exec/exec.ts';
import { eventually } from '../eventually.ts';
import { internetBird } from './internet.ts';
import type { ExecOptions } from './machines.ts';
import { execOnMachine, onMachine, raiseMachines } from './machines.ts';
import { moveClient, namespacesOf, raiseNetwork } from './network.ts';
import type { KeyedNode } from './node-files.ts';
import { newNodeKeys, writeNodeFiles } from './node-files.ts';
import type { Service } from './service.ts';
import { startService } from './service.ts';
import { labNode, labPair, machines, type PairWish } from './topology.ts';

export interface WorldOptions {
  /** Of the lab: sockets of the API, logs, the admin's credentials. At most 80 characters (a socket's path has 107). */
  readonly directory: string;
  readonly clock: Clock;
  /** 1 to 4; default 3. */
  readonly nodes?: number;
  /** Four nodes, of which the third and the fourth are the two of one PoP. */
  readonly pair?: true | PairWish;
  /** What starts pop44d, of whichever half, before its arguments; default: Node with the program as it is installed. */
  readonly daemonArgv?: readonly string[];
  readonly onStep?: (step: Step) => void;
  /** A service has died too often and stays down. */
  readonly onGivenUp?: (service: string, reason: string) => void;
}

export interface Step {
  readonly name: string;
  readonly ms: number;
}

export interface World {
  readonly directory: string;
  readonly clock: Clock;
  readonly nodes: readonly KeyedNode[];
  readonly namespaces: readonly string[];
  /** Does a part of the work and tells its name and time. */
  step<T>(name: string, work: () => Promise<T>): Promise<T>;
  /** Runs a program to its end in a network namespace, on its machine. @throws Fault `exec` */
  exec(netns: string, argv: readonly string[], options?: ExecOptions): Promise<RunOutput>;
  /** Starts a process that is kept alive, with a log of its own in the lab's directory. */
  serve(name: string, netns: string, argv: readonly string[]): Promise<void>;
  /** `inet-bird`, `host-web`, `client-web`, `p1-etcd`, `p1-dataplane`, `p1-daemon`. @throws RangeError when there is none */
  service(name: string): Service;
  /** Ends every process and removes every namespace. */
  stop(): Promise<void>;
}

const webServer = fileURLToPath(new URL('./web-server.ts', import.meta.url));
const webPort = 80;

const internetConfig = '/run/inet/bird.conf';
const ledWithinMs = 30_000;

/** Of several nodes that announce one endpoint, the internet leads to one of these from now on: it has a way there when this is done. */
export async function leadTo(
  world: Pick<World, 'nodes' | 'exec'>,
  nodeIds: readonly string[],
  endpoint4: string,
): Promise<void> {
  const nodes = world.nodes.map(({ node }) => node);
  const preferred = nodes.filter(({ id }) => nodeIds.includes(id));
  await writeFile(internetConfig, internetBird(nodes, preferred));
  await world.exec('inet', ['birdc', '-s', '/run/inet/bird.ctl', 'configure']);
  // Its neighbours are asked for their routes again (RFC 2918), which took up to 3 s (measured).
  await eventually(async () => {
    const { stdout } = await world.exec('inet', ['ip', 'route', 'get', endpoint4]);
    return preferred.some(({ underlay4 }) => stdout.includes(` via ${underlay4} `));
  }, ledWithinMs);
}

async function startInternet(world: World): Promise<void> {
  await mkdir('/run/inet', { recursive: true });
  await writeFile(internetConfig, internetBird(world.nodes.map(({ node }) => node)));
  // A router of its own would not wait for its processor while others' nodes are busy.
  const urgent = ['chrt', '--rr', '1'];
  const { exitCode } = await world.exec('inet', [...urgent, 'true'], { accept: [0, 1] });
  await world.serve('inet-bird', 'inet', [
    ...(exitCode === 0 ? urgent : []),
    ...['bird', '-f', '-c', internetConfig, '-s', '/run/inet/bird.ctl', '-P', '/run/inet/bird.pid'],
  ]);
  for (const netns of ['host', 'client'])
    await world.serve(`${netns}-web`, netns, [process.execPath, webServer, String(webPort)]);
}

async function endProcessesIn(namespaces: readonly string[]): Promise<void> {
  for (const netns of namespaces) {
    // Fails when the namespace was never made.
    const { stdout } = await run({ file: 'ip', args: ['netns', 'pids', netns], accept: [0, 1, 255] });
    for (const pid of stdout.split('\n').filter((line) => line !== '')) {
      try {
        process.kill(Number(pid), 'SIGKILL');
      } catch {
        // It ended by itself.
      }
    }
  }
}

const plainNodes = (count: number): readonly KeyedNode[] =>
  Array.from({ length: count }, (_, at) => ({ node: labNode(at + 1), keys: newNodeKeys() }));

/** A PoP has one access key, whichever node holds it. */
function pairedNodes(wish: PairWish): readonly KeyedNode[] {
  const [a, b] = labPair(wish).map((node) => ({ node, keys: newNodeKeys() }));
  if (a === undefined || b === undefined) return [];
  return [...plainNodes(2), a, { ...b, keys: { ...b.keys, access: a.keys.access } }];
}

/** Wants network, mount and process namespaces of the caller's own, root in them, and a writable /run. */
export async function raiseWorld(options: WorldOptions): Promise<World> {
  const { clock, directory } = options;
  const { pair } = options;
  const nodes = pair === undefined ? plainNodes(options.nodes ?? 3) : pairedNodes(pair === true ? {} : pair);
  const plain = nodes.map(({ node }) => node);
  const namespaces = namespacesOf(plain);
  const services = new Map<string, Service>();
  let holders: readonly Kept[] = [];

  const world: World = {
    directory,
    clock,
    nodes,
    namespaces,
    async step(name, work) {
      const began = clock.monotonicMs();
      const result = await work();
      options.onStep?.({ name, ms: Math.round(clock.monotonicMs() - began) });
      return result;
    },
    exec: execOnMachine,
    async serve(name, netns, argv) {
      const logFile = join(directory, 'log', `${name}.log`);
      const onGivenUp = options.onGivenUp ?? (() => {});
      services.set(name, await startService({ name, command: onMachine(netns, argv), logFile, clock, onGivenUp }));
    },
    service(name) {
      const service = services.get(name);
      if (service === undefined)
        throw new RangeError(`no service ${name}; there are ${[...services.keys()].join(', ')}`);
      return service;
    },
    async stop() {
      await Promise.all([...services.values()].map((service) => service.stop()));
      await endProcessesIn(namespaces);
      await Promise.all(holders.map((holder) => holder.stop()));
      for (const netns of namespaces) await run({ file: 'ip', args: ['netns', 'del', netns], accept: [0, 1] });
      for (const path of [machinesDirectory, '/run/node', '/run/inet'])
        await rm(path, { recursive: true, force: true });
    },
  };

  await mkdir(join(directory, 'log'), { recursive: true });
  try {
    const files = writeNodeFiles(nodes, directory, clock.wall());
    await world.step('network', () => raiseNetwork(plain));
    await world.step('machines', async () => {
      holders = await raiseMachines(machines(plain));
      await moveClient('home');
    });
    await world.step('internet', () => startInternet(world));
    await world.step('keys and certificates', () => files);
    return world;
  } catch (thrown) {
    await world.stop();
    throw thrown;
  }
}
