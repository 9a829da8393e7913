// Main job: what pop44 is for, done once from beginning to end, with the tools that an admin and a user have.
//
// A list of steps, each awaited to its end, so that `npm start -- --check` and a test tell the same story.

import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { eventually } from '../eventually.ts';
import { moveClient } from './network.ts';
import type { StartedLab } from './start.ts';
import { host4, host6 } from './topology.ts';

/** The lab, and pop44's command line with the lab as its context: gives standard output. @throws Fault `exec` */
export interface JobLab {
  readonly lab: Pick<StartedLab, 'context' | 'directory' | 'exec'>;
  cli(args: readonly string[]): Promise<string>;
}

export interface JobStep {
  readonly name: string;
  run(): Promise<void>;
}

const pools = ['44.31.0.0/22', '2001:db8:44::/48'];
const tunnel = 'station';
const fetcher = fileURLToPath(new URL('./web-fetch.ts', import.meta.url));

/** Milliseconds for a fact to come true on a loaded machine. BGP sessions of a fresh lab need up to 2 s. */
const withinMs = 15_000;

const field = (file: string, name: string): string => new RegExp(`^${name} = (.+)$`, 'm').exec(file)?.[1] ?? '';
const inUrl = (address: string): string => (address.includes(':') ? `[${address}]` : address);

/** Of `pop44 status -o json`; a zero is left out. */
interface StatusJson {
  readonly nodes: readonly { readonly node: { readonly id: string }; readonly failingSteps?: number }[];
}

function expectEqual(what: string, found: string, wanted: string): true {
  if (found !== wanted) throw new Error(`${what}: ${JSON.stringify(found)} instead of ${JSON.stringify(wanted)}`);
  return true;
}

export function mainJob({ lab, cli }: JobLab): readonly JobStep[] {
  const folder = join(lab.directory, 'client');
  const file = join(folder, `${tunnel}.conf`);
  const keyFile = join(folder, `${tunnel}.new.conf`);
  // The last one's endpoint lies inside the tunnelled space: the file must cope.
  const daemon = lab.context.daemons.at(-1)?.node ?? '';
  // The same directory as the lab sees it.
  const fileInside = `/run/lab/client/${tunnel}.conf`;
  let addresses: readonly string[] = [];
  let publicKey = '';

  /** The address that a server sees when `from` fetches from it. */
  const callerSeen = async (from: string, server: string): Promise<string> => {
    const { stdout } = await lab.exec(from, [process.execPath, fetcher, `http://${inUrl(server)}/`, '2000']);
    return (JSON.parse(stdout) as { readonly caller: string }).caller;
  };
  const hostOf = (address: string): string => (address.includes(':') ? host6 : host4);

  const hostReachesClient = async (): Promise<void> => {
    for (const address of addresses) {
      await eventually(() => lab.exec('host', ['ping', '-n', '-c1', '-W1', address]), withinMs);
      await eventually(
        async () => expectEqual('the client is called by', await callerSeen('host', address), hostOf(address)),
        withinMs,
      );
    }
  };
  const clientReachesHost = async (): Promise<void> => {
    for (const address of addresses)
      await eventually(
        async () => expectEqual('the host is called by', await callerSeen('client', hostOf(address)), address),
        withinMs,
      );
  };

  const step = (name: string, run: () => Promise<void>): JobStep => ({ name, run });
  return [
    step('create pools', async () => {
      for (const pool of pools) await cli(['pool', 'create', pool]);
    }),
    step('create a tunnel, applied on every node', async () => {
      await mkdir(folder, { recursive: true });
      const options = ['--file', keyFile, '--preshared-key', '--firewall', 'ping,web', '--wait'];
      await cli(['--node', daemon, 'tunnel', 'create', tunnel, ...options]);
    }),
    step('fetch its file', async () => {
      await cli(['--node', daemon, 'tunnel', 'file', tunnel, '--key-file', keyFile, '--out', file]);
      addresses = field(await readFile(file, 'utf8'), 'Address')
        .split(', ')
        .map((address) => address.split('/')[0] ?? '');
      expectEqual('families in the file', addresses.map((a) => (a.includes(':') ? 6 : 4)).join(' '), '4 6');
    }),
    step('wg-quick up, the file unchanged', async () => {
      const env = { WG_QUICK_USERSPACE_IMPLEMENTATION: 'wireguard-go' };
      await lab.exec('client', ['wg-quick', 'up', fileInside], { env });
      publicKey = (await lab.exec('client', ['wg', 'show', tunnel, 'public-key'])).stdout.trim();
    }),
    step('the internet reaches the client behind two NATs', hostReachesClient),
    step('the client reaches the internet, with its own address', clientReachesHost),
    step('the client moves to another network and NAT', () => moveClient('cafe', lab.exec)),
    step('the same address outwards', clientReachesHost),
    step('the same address inwards', hostReachesClient),
    step('no node has a step that fails', async () => {
      await eventually(async () => {
        const { nodes } = JSON.parse(await cli(['status', '-o', 'json'])) as StatusJson;
        const failing = nodes.filter(({ failingSteps = 0 }) => failingSteps > 0).map(({ node }) => node.id);
        return expectEqual('nodes with failing steps', failing.join(' '), '');
      }, withinMs);
    }),
    step('delete the tunnel', async () => {
      await cli(['tunnel', 'delete', tunnel, '--wait']);
    }),
    step('gone from every node', async () => {
      for (const { node } of lab.context.daemons)
        await eventually(async () => {
          const { stdout } = await lab.exec(`${node}p`, ['wg', 'show', 'p44w0', 'peers']);
          if (stdout.includes(publicKey)) throw new Error(`${node} still holds the peer`);
          return true;
        }, withinMs);
      for (const address of addresses) await lab.exec('host', ['ping', '-n', '-c1', '-W1', address], { accept: [1] });
    }),
  ];
}
