// Flood: a lab of one node under forged handshake initiations, and real clients that are inside, come back, or come for
// the first time. Used by a short test and by a bench.

import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type Client, openClient } from '#internal/client/client.ts';
import { wgQuick } from '#internal/clientfile/clientfile.ts';
import { realClock } from '#internal/clock/clock.ts';
import { eventually } from './eventually.ts';
import { adminContext } from './lab/admin.ts';
import { newWgKeyPair } from './lab/node-files.ts';
import { raiseLab } from './lab/raise.ts';
import { host4, labNode } from './lab/topology.ts';
import type { World } from './lab/world.ts';

const node = labNode(1);
/** The address of whoever is behind the two NATs, and that of a network of its own, as the node sees them. */
const addressOf = { client: '198.18.90.2', cafe: '198.18.95.2' } as const;
export type Place = keyof typeof addressOf;

/** Sources of the flood: an address that does not hide, or any of 65,536 with any port. */
export type Sources = 'one source' | 'a /16';

// 198.19.0.0/16, with nft's own arithmetic: 198 * 2^24 + 19 * 2^16.
const spoofing = `table ip spoof {
  chain out {
    type filter hook output priority raw
    udp dport 51820 ip saddr set numgen random mod 65536 offset 3323133952 udp sport set numgen random mod 60000 offset 1024
  }
}
`;

export interface Flooded {
  /** Forged initiations that left, a second. */
  readonly perSecond: number;
  /** Of the pings, 50 a second, to the client that was connected before. */
  readonly sent: number;
  readonly lost: number;
}

export interface FloodScene {
  readonly lab: World;
  /** Floods while `work` goes on. */
  flood(perSecond: number, sources: Sources, work: () => Promise<void>): Promise<Flooded>;
  /** Milliseconds until a client that begins anew at this place has its session. */
  handshake(place: Place): Promise<number>;
  /** The node has never heard of this place. */
  forget(place: Place): Promise<void>;
  /** The node as it would be without its gate, while `work` goes on. */
  stock<T>(work: () => Promise<T>): Promise<T>;
  stop(): Promise<void>;
}

const flooder = fileURLToPath(new URL('./flooder.ts', import.meta.url));
/** Longer than any measurement; it is ended when the work is done. */
const longestSeconds = 120;
const withinMs = 15_000;

/** A tunnel of an interface without addresses: it shakes hands, and that is all it is for. */
async function raiseCaller(lab: World, client: Client, place: Place): Promise<readonly string[]> {
  const name = `call-${place}`;
  const { privateKey, publicKey } = newWgKeyPair();
  await client.tunnels.createTunnel({ name, publicKey, homePopId: node.popId });
  const template = await client.tunnels.getTunnelTemplate({ tunnel: name });
  const keyFile = `/run/${name}.key`;
  await writeFile(keyFile, `${privateKey}\n`, { mode: 0o600 });
  await lab.exec(place, ['wireguard-go', name]);
  await lab.exec(place, ['wg', 'set', name, 'private-key', keyFile]);
  await lab.exec(place, ['ip', 'link', 'set', name, 'up']);
  return [
    ...['peer', template.peerPublicKey, 'allowed-ips', '10.99.0.0/24', 'endpoint', `${node.endpoint4}:51820`],
    ...['persistent-keepalive', '25'],
  ];
}

async function raiseStation(lab: World, client: Client): Promise<string> {
  const { privateKey, publicKey } = newWgKeyPair();
  const { tunnel } = await client.tunnels.createTunnel({ name: 'station', publicKey, homePopId: node.popId });
  const template = await client.tunnels.getTunnelTemplate({ tunnel: 'station' });
  await writeFile('/run/station.conf', wgQuick({ ...template, privateKey }), { mode: 0o600 });
  const env = { WG_QUICK_USERSPACE_IMPLEMENTATION: 'wireguard-go' };
  await lab.exec('client', ['wg-quick', 'up', '/run/station.conf'], { env });
  await eventually(() => lab.exec('client', ['ping', '-n', '-c1', '-W1', host4]), withinMs);
  return tunnel?.prefixes[0]?.split('/')[0] ?? '';
}

/** Ends what runs in the namespace under this name, as its own pid in /proc says. */
async function end(lab: World, netns: string, name: string, signal: NodeJS.Signals): Promise<void> {
  const { stdout } = await lab.exec(netns, ['ip', 'netns', 'pids', netns]);
  for (const pid of stdout.split('\n').filter((line) => line !== '')) {
    const { stdout: words } = await lab.exec(netns, ['cat', `/proc/${pid}/cmdline`], { accept: [0, 1] });
    if (words.includes(name)) process.kill(Number(pid), signal);
  }
}

export async function raiseFloodScene(directory: string): Promise<FloodScene> {
  const lab = await raiseLab({ directory, clock: realClock, nodes: 1 });
  const client = openClient(adminContext(lab), { deadlineMs: 10_000 });
  const stop = async (): Promise<void> => {
    client.close();
    await lab.stop();
  };
  const known = async (place: Place): Promise<boolean> => {
    const get = ['nft', 'get', 'element', 'inet', 'pop44', 'known4', `{ ${addressOf[place]} }`];
    return (await lab.exec(node.transport, get, { accept: [0, 1] })).stdout !== '';
  };
  try {
    for (const prefix of ['44.31.0.0/22', '2001:db8:44::/48']) await client.pools.createPool({ prefix });
    const address4 = await raiseStation(lab, client);
    const callers = {
      client: await raiseCaller(lab, client, 'client'),
      cafe: await raiseCaller(lab, client, 'cafe'),
    };
    const { stdout } = await lab.exec(node.pop, ['wg', 'show', 'p44w0', 'public-key']);
    const serverKey = stdout.trim();
    await eventually(() => known('client'), withinMs);
    let port = 40_000;

    return {
      lab,
      stop,
      async flood(perSecond, sources, work) {
        if (sources === 'a /16') await lab.exec('host', ['nft', '-f', '-'], { input: spoofing });
        const argv = [process.execPath, flooder, serverKey, node.endpoint4, '51820', String(perSecond)];
        const flooding = lab.exec('host', [...argv, String(longestSeconds)], {
          timeoutMs: (longestSeconds + 5) * 1_000,
        });
        const received = async (): Promise<number> => {
          const { stdout: devices } = await lab.exec(node.transport, ['cat', '/proc/net/dev']);
          // proc(5): bytes, then packets, after the colon.
          return Number(/uplink: *\d+ +(\d+)/.exec(devices)?.[1]);
        };
        // Told when it is awaited below; until then it must not end the process.
        flooding.catch(() => {});
        const before = await received();
        await eventually(async () => (await received()) > before + perSecond, withinMs);
        const pinging = lab.exec('inet', ['ping', '-n', '-q', '-i', '0.02', '-w', String(longestSeconds), address4], {
          timeoutMs: (longestSeconds + 5) * 1_000,
          accept: [0, 1],
        });
        try {
          await work();
        } finally {
          await end(lab, 'inet', 'ping', 'SIGINT');
          await end(lab, 'host', 'flooder', 'SIGTERM');
          if (sources === 'a /16') await lab.exec('host', ['nft', 'delete', 'table', 'ip', 'spoof']);
        }
        const told = JSON.parse((await flooding).stdout) as { readonly sent: number; readonly seconds: number };
        const [, sent, answered] = /(\d+) packets transmitted, (\d+) received/.exec((await pinging).stdout) ?? [];
        // The last one may be on its way when the probe is told to stop.
        const lost = Math.max(0, Number(sent) - Number(answered) - 1);
        return { perSecond: told.sent / told.seconds, sent: Number(sent), lost };
      },
      async handshake(place) {
        const name = `call-${place}`;
        const peer = callers[place];
        await lab.exec(place, ['wg', 'set', name, 'peer', peer[1] ?? '', 'remove']);
        // Another port each time, as a device that was started anew.
        port += 1;
        await lab.exec(place, ['wg', 'set', name, 'listen-port', String(port)]);
        const began = performance.now();
        await lab.exec(place, ['wg', 'set', name, ...peer]);
        await eventually(async () => {
          const { stdout: shaken } = await lab.exec(place, ['wg', 'show', name, 'latest-handshakes']);
          return Number(shaken.split('\t')[1]) > 0;
        }, 60_000);
        return performance.now() - began;
      },
      async forget(place) {
        const element = ['element', 'inet', 'pop44', 'known4', `{ ${addressOf[place]} }`];
        await lab.exec(node.transport, ['nft', 'delete', ...element], { accept: [0, 1] });
      },
      async stock(work) {
        const pid = lab.service(`${node.id}-dataplane`).pid() ?? 0;
        process.kill(pid, 'SIGSTOP');
        try {
          await lab.exec(node.transport, ['nft', 'delete', 'table', 'inet', 'pop44']);
          return await work();
        } finally {
          process.kill(pid, 'SIGCONT');
          await eventually(() => lab.exec(node.transport, ['nft', 'list', 'chain', 'inet', 'pop44', 'gate']), 20_000);
        }
      },
    };
  } catch (thrown) {
    await stop();
    throw thrown;
  }
}
