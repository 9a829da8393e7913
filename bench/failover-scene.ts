// Failover scene: a PoP of two nodes, and clients of every kind that its death is measured for, all in one namespace: what a
// program sends from a client's address goes through that client's tunnel.

import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type Client, openClient } from '#internal/client/client.ts';
import { wgQuick } from '#internal/clientfile/clientfile.ts';
import { realClock } from '#internal/clock/clock.ts';
import { coldStartMs } from '#internal/takeover/takeover.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { adminContext, raiseLab, type World } from '#internal/testkit/lab/lab.ts';
import { newWgKeyPair } from '#internal/testkit/lab/node-files.ts';
import { type Member, rolesOf, startNode } from '#internal/testkit/lab/pair.ts';
import { host4 } from '#internal/testkit/lab/topology.ts';
import { applied } from './tunnels.ts';

export const withinMs = 60_000;
export const program = (name: 'called-clients' | 'delay-relay' | 'downlink' | 'live-clients'): string =>
  fileURLToPath(new URL(`./${name}.ts`, import.meta.url));
/** Of the host's server of downlinks, and of the client that only listens. */
export const servedPort = '5200';
export const heardPort = 5_300;

/** A client, and how far away a relay puts it. */
const stations = [
  { name: 'near', rttMs: 0 },
  { name: 'listener', rttMs: 0 },
  { name: 'far150', rttMs: 150 },
  { name: 'far600', rttMs: 600 },
] as const;
export type StationName = (typeof stations)[number]['name'];

interface Station {
  readonly tunnelId: string;
  readonly publicKey: string;
  readonly address: string;
}

export interface Scene {
  readonly lab: World;
  readonly client: Client;
  readonly stations: Readonly<Record<StationName, Station>>;
}

/** Its file, but that only what is sent from its address takes its way, so that several can be at one place. */
async function raiseStation(lab: World, client: Client, at: number): Promise<Station> {
  const { name, rttMs } = stations[at] ?? stations[0];
  const keys = newWgKeyPair();
  const heard = { protocol: 'udp', firstPort: heardPort, lastPort: heardPort };
  const { tunnel } = await client.tunnels.createTunnel({
    name,
    publicKey: keys.publicKey,
    homePopId: 'south',
    // The default one for all others: what comes to them comes as an answer.
    ...(name === 'listener' && { firewall: { presets: [], rules: [heard] } }),
  });
  await applied(client);
  const template = await client.tunnels.getTunnelTemplate({ tunnel: name, popId: 'south' });
  const { endpointAddress, endpointPort } = template;
  const relayPort = 5_400 + at;
  const there =
    rttMs === 0 ? { endpointAddress, endpointPort } : { endpointAddress: '127.0.0.1', endpointPort: relayPort };
  if (rttMs > 0) {
    const relay = [program('delay-relay'), String(relayPort), endpointAddress, String(endpointPort), String(rttMs / 2)];
    await lab.serve(`client-${name}`, 'client', [process.execPath, ...relay]);
  }
  const text = wgQuick({ ...template, ...there, privateKey: keys.privateKey });
  const file = `/run/${name}.conf`;
  await writeFile(file, text.replace('[Interface]', '[Interface]\nTable = off'), { mode: 0o600 });
  const env = { WG_QUICK_USERSPACE_IMPLEMENTATION: 'wireguard-go' };
  await lab.exec('client', ['wg-quick', 'up', file], { env });
  const address = tunnel?.prefixes[0]?.split('/')[0] ?? '';
  const table = String(100 + at);
  await lab.exec('client', ['ip', 'rule', 'add', 'from', address, 'lookup', table]);
  await lab.exec('client', ['ip', 'route', 'add', 'default', 'dev', name, 'table', table]);
  return { tunnelId: tunnel?.id ?? '', publicKey: keys.publicKey, address };
}

export async function raiseScene(): Promise<Scene> {
  const lab = await raiseLab({ directory: '/tmp/bench', clock: realClock, pair: true });
  const client = openClient(adminContext(lab), { deadlineMs: 30_000 });
  try {
    for (const prefix of ['44.31.0.0/20', '2001:db8:44::/48']) await client.pools.createPool({ prefix });
    await lab.serve('host-served', 'host', [process.execPath, program('downlink'), 'serve', servedPort]);
    const raised: [StationName, Station][] = [];
    for (const [at, { name }] of stations.entries()) raised.push([name, await raiseStation(lab, client, at)]);
    return { lab, client, stations: Object.fromEntries(raised) as Scene['stations'] };
  } catch (thrown) {
    client.close();
    await lab.stop();
    throw thrown;
  }
}

/** Both nodes are well, and the standby knows where the stations are and how far. */
export async function settled({ lab, client, stations: all }: Scene): Promise<readonly [Member, Member]> {
  const [one, other] = await rolesOf(lab, withinMs);
  for (const node of [one, other]) await startNode(lab, node);
  const roles = await rolesOf(lab, withinMs);
  const standby = roles[1];
  for (const { address } of Object.values(all))
    await eventually(() => lab.exec('client', ['ping', '-n', '-c1', '-W2', '-I', address, host4]), withinMs);
  await eventually(() => lab.exec('host', ['ping', '-n', '-c1', '-W1', all.near.address]), withinMs);
  // A node that has just come back takes nothing over until it has heard the others for a while.
  const control = `/run/node/${standby}/run/transport.bird.ctl`;
  await eventually(async () => {
    const { stdout } = await lab.exec(`${standby}t`, ['birdc', '-s', control, 'show', 'protocols']);
    return /^p44u_\S+ .* Established/m.test(stdout) && /^p44s_\S+ .* Established/m.test(stdout);
  }, withinMs);
  await eventually(async () => {
    const { nodes } = await client.fabric.listNodes({});
    return nodes.some(({ node, role, pairAlarm }) => node?.id === standby && role === 'standby' && pairAlarm === '');
  }, withinMs);
  await realClock.sleep(coldStartMs);
  const file = `/run/node/${standby}/sibling-endpoints`;
  await eventually(async () => {
    const { stdout } = await lab.exec('host', ['cat', file]);
    return Object.values(all).every(({ publicKey }) => stdout.includes(publicKey));
  }, withinMs);
  return roles;
}
