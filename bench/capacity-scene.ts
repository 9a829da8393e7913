// Capacity scene: one node that has a processor for itself, with many shaped tunnels, and their clients on the other.

import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type Client, openClient } from '#internal/client/client.ts';
import { realClock } from '#internal/clock/clock.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { adminContext, raiseLab, type World } from '#internal/testkit/lab/lab.ts';
import { host4, metricsPort } from '#internal/testkit/lab/topology.ts';
import { type LoadClients, openLoadClients } from './load.ts';
import { nodeProcessor, onProcessor, othersProcessor, separate } from './processors.ts';
import { reflectEchoes } from './reflect.ts';
import { addSources, sources } from './sources.ts';
import { applied, createTunnels, newPrivateKey } from './tunnels.ts';

export const node = 'p1';
export const home = 'north';
/** More than any load here: what is measured is the way through the classes, not their limit. */
const rate = 20_000_000n;
const withinMs = 60_000;
/** Each has a socket, whose buffer holds 270 packets while these clients have no processor; each socket costs them something. */
const sourceCount = 100;

export interface CapacityScene extends AsyncDisposable {
  readonly lab: World;
  readonly client: Client;
  readonly clients: LoadClients;
}

export const wireguardPid = async (): Promise<number> =>
  Number(await readFile(`/run/node/${node}/run/p44w0.pid`, 'utf8'));

/** The Go runtime counts processors when it starts. */
async function wireguardAnew(): Promise<void> {
  const before = await wireguardPid();
  process.kill(before, 'SIGKILL');
  await eventually(async () => {
    const now = await wireguardPid();
    const status = await readFile(`/proc/${now}/status`, 'utf8');
    return now !== before && new RegExp(`^Cpus_allowed_list:\\s+${nodeProcessor}$`, 'm').test(status);
  }, withinMs);
}

/** Reads the node's metrics as a monitor does. */
async function scrape(lab: World): Promise<void> {
  const script = fileURLToPath(new URL('./scraper.ts', import.meta.url));
  const address = lab.nodes.find((one) => one.node.id === node)?.node.meshAddress ?? '';
  const url = `http://[${address}]:${metricsPort}/metrics`;
  await lab.serve('scraper', `${node}t`, [...onProcessor(othersProcessor), process.execPath, script, url]);
}

/** No tunnels yet. @param say progress */
export async function raiseCapacity(say: (line: string) => void): Promise<Omit<CapacityScene, 'clients'>> {
  const lab = await raiseLab({
    directory: '/tmp/bench',
    clock: realClock,
    nodes: 1,
    onGivenUp: (service, reason) => say(`  ${service} stays down: ${reason}`),
  });
  const client = openClient(adminContext(lab), { deadlineMs: 30_000 });
  try {
    for (const prefix of ['44.31.0.0/16', '2001:db8:4000::/40']) await client.pools.createPool({ prefix });
    await addSources(lab);
    await reflectEchoes(lab, 'host', host4);
    await separate(lab, [node]);
    await wireguardAnew();
    await scrape(lab);
    return {
      lab,
      client,
      async [Symbol.asyncDispose]() {
        client.close();
        await lab.stop();
      },
    };
  } catch (thrown) {
    client.close();
    await lab.stop();
    throw thrown;
  }
}

/** As many shaped tunnels, and a process of clients for them, none of which has a session yet. */
export async function openTunnels({ client }: Pick<CapacityScene, 'client'>, count: number): Promise<LoadClients> {
  const keys = Array.from({ length: count }, newPrivateKey);
  const made = await createTunnels(client, keys, { homePopId: home, rate });
  await applied(client);
  const template = await client.tunnels.getTunnelTemplate({ tunnel: made[0]?.id ?? '' });
  const file = '/run/load-keys.json';
  await writeFile(file, JSON.stringify(made.map(({ address4 }, at) => [keys[at], address4])), { mode: 0o600 });
  const server = [template.peerPublicKey, template.endpointAddress, String(template.endpointPort)];
  return openLoadClients('host', onProcessor(othersProcessor), [
    host4,
    file,
    ...server,
    ...sources.slice(0, sourceCount),
  ]);
}
