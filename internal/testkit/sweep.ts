// Sweep: a lab of two nodes, and strangers who try the ports of the first from everywhere a stranger can stand.
//
//   tunnel     a client in its tunnel            internet   a host somewhere
//   upstream   the router at the node's uplink, which can write any address on a packet
//   neighbour  a bare machine on a link of the pop namespace, as a community's node is

import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type Client, openClient } from '#internal/client/client.ts';
import { wgQuick } from '#internal/clientfile/clientfile.ts';
import { realClock } from '#internal/clock/clock.ts';
import { keep, type Kept, run } from '#internal/exec/exec.ts';
import { eventually } from './eventually.ts';
import { adminContext } from './lab/admin.ts';
import { newWgKeyPair } from './lab/node-files.ts';
import { netnsFile } from './lab/places.ts';
import { raiseLab } from './lab/raise.ts';
import { host4, labNode } from './lab/topology.ts';
import type { World } from './lab/world.ts';
import type { Question, Reached } from './prober.ts';
import type { Side, Vantage } from './sweep-allowed.ts';

export const node = labNode(1);
const spaces = { transport: node.transport, pop: node.pop } as const satisfies Record<Side, string>;
export const sides: readonly Side[] = ['transport', 'pop'];
export const vantages: readonly Vantage[] = ['tunnel', 'internet', 'upstream', 'neighbour'];
const standsIn: Readonly<Record<Vantage, string>> = {
  tunnel: 'client',
  internet: 'host',
  upstream: 'inet',
  neighbour: 'stranger',
};
/** Of our own listeners, which answer everybody who gets through. */
const canaryPort = 7_007;

export interface Sweep {
  readonly lab: World;
  readonly client: Client;
  /** Of a side, in every address family, without those of its links alone. */
  addresses(side: Side): Promise<readonly string[]>;
  /** Ports of everything that listens there, as ss(8) tells, our canary among them. */
  listeners(side: Side): Promise<readonly number[]>;
  /** What answers, asked from there. One question at a time for each vantage. */
  ask(from: Vantage, question: Question): Promise<readonly Reached[]>;
  stop(): Promise<void>;
}

const proberFile = fileURLToPath(new URL('./prober.ts', import.meta.url));
const echoListener = fileURLToPath(new URL('./echo-listener.ts', import.meta.url));
const withinMs = 15_000;

interface Prober {
  ask(question: Question): Promise<readonly Reached[]>;
  readonly kept: Kept;
}

async function startProber(netns: string): Promise<Prober> {
  let waiting: { resolve(found: readonly Reached[]): void; reject(error: Error): void } | undefined;
  const kept = await keep({
    file: process.execPath,
    args: [proberFile],
    netns: netnsFile(netns),
    onStdout: (line) => waiting?.resolve(JSON.parse(line) as readonly Reached[]),
    onExit: (reason) => waiting?.reject(new Error(reason)),
  });
  return {
    kept,
    ask: (question) =>
      new Promise((resolve, reject) => {
        waiting = { resolve, reject };
        kept.write(`${JSON.stringify(question)}\n`);
      }),
  };
}

async function startCanary(netns: string): Promise<Kept> {
  const listening = Promise.withResolvers<void>();
  const kept = await keep({
    file: process.execPath,
    args: [echoListener, String(canaryPort)],
    netns: netnsFile(netns),
    onStdout: () => listening.resolve(),
    onExit: (reason) => listening.reject(new Error(reason)),
  });
  await listening.promise;
  // It ends when it is stopped.
  listening.promise.catch(() => {});
  return kept;
}

async function raiseStation(lab: World, client: Client): Promise<void> {
  for (const prefix of ['44.31.0.0/22', '2001:db8:44::/48']) await client.pools.createPool({ prefix });
  const { privateKey, publicKey } = newWgKeyPair();
  await client.tunnels.createTunnel({ name: 'station', publicKey, homePopId: node.popId });
  const template = await client.tunnels.getTunnelTemplate({ tunnel: 'station' });
  await writeFile('/run/station.conf', wgQuick({ ...template, privateKey }), { mode: 0o600 });
  const env = { WG_QUICK_USERSPACE_IMPLEMENTATION: 'wireguard-go' };
  await lab.exec('client', ['wg-quick', 'up', '/run/station.conf'], { env });
  await eventually(() => lab.exec('client', ['ping', '-n', '-c1', '-W1', host4]), withinMs);
}

const ip = (netns: string, lines: readonly string[]) =>
  run({ file: 'ip', args: ['-batch', '-'], input: `${lines.join('\n')}\n`, netns: netnsFile(netns) });

/** A machine on a cable to the pop namespace, with a way to everything by it; and the upstream's way to the mesh. */
async function raiseStrangers(): Promise<void> {
  const stranger = standsIn.neighbour;
  await run({ file: 'ip', args: ['netns', 'add', stranger] });
  await ip(node.pop, [
    `link add stranger type veth peer name eth0 netns ${stranger}`,
    'addr add 172.30.99.1/30 dev stranger',
    'addr add fd44:0:0:99::1/64 dev stranger nodad',
    'link set stranger up',
  ]);
  await ip(stranger, [
    'link set lo up',
    'addr add 172.30.99.2/30 dev eth0',
    'addr add fd44:0:0:99::2/64 dev eth0 nodad',
    'link set eth0 up',
    'route add default via 172.30.99.1',
    'route add default via fd44:0:0:99::1',
  ]);
  await ip('inet', [`route add ${node.meshAddress} via ${node.underlay6}`]);
}

interface IpAddress {
  readonly addr_info: readonly { readonly local: string; readonly scope: string }[];
}

export async function raiseSweep(directory: string): Promise<Sweep> {
  const lab = await raiseLab({ directory, clock: realClock, nodes: 2 });
  const client = openClient(adminContext(lab), { deadlineMs: 10_000 });
  const kept: Kept[] = [];
  const stop = async (): Promise<void> => {
    client.close();
    await Promise.all(kept.map((each) => each.stop()));
    await run({ file: 'ip', args: ['netns', 'del', standsIn.neighbour], accept: [0, 1] });
    await lab.stop();
  };
  try {
    await raiseStation(lab, client);
    await raiseStrangers();
    for (const side of sides) kept.push(await startCanary(spaces[side]));
    const probers = new Map<Vantage, Prober>();
    for (const vantage of vantages) {
      const prober = await startProber(standsIn[vantage]);
      kept.push(prober.kept);
      probers.set(vantage, prober);
    }
    return {
      lab,
      client,
      async addresses(side) {
        const { stdout } = await lab.exec(spaces[side], ['ip', '-j', 'addr', 'show']);
        return (JSON.parse(stdout) as readonly IpAddress[])
          .flatMap(({ addr_info }) => addr_info)
          .filter(({ scope }) => scope === 'global')
          .map(({ local }) => local);
      },
      async listeners(side) {
        const { stdout } = await lab.exec(spaces[side], ['ss', '-H', '-lntu']);
        const ports = stdout.split('\n').flatMap((line) => {
          const port = /:(\d+)$/.exec(line.trim().split(/\s+/)[4] ?? '');
          return port === null ? [] : [Number(port[1])];
        });
        return [...new Set(ports)].sort((a, b) => a - b);
      },
      ask(from, question) {
        const prober = probers.get(from);
        if (prober === undefined) throw new RangeError(from);
        return prober.ask(question);
      },
      stop,
    };
  } catch (thrown) {
    await stop();
    throw thrown;
  }
}
