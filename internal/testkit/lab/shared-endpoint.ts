// Shared endpoint: a lab whose PoPs north and east are an anycast group, or south, which has two nodes then, and north; as an operator
// makes it who can open the key of the first one. And a client of it.

import { writeFile } from 'node:fs/promises';
import { type Client, openClient } from '#internal/client/client.ts';
import { wgQuick } from '#internal/clientfile/clientfile.ts';
import { realClock } from '#internal/clock/clock.ts';
import { recipientOf, seal } from '#internal/sealing/sealing.ts';
import { eventually } from '../eventually.ts';
import { adminContext } from './admin.ts';
import { newWgKeyPair, type WgKeyPair } from './node-files.ts';
import { raiseLab } from './raise.ts';
import { stayOf } from './stays.ts';
import { host4 } from './topology.ts';
import { leadTo, type World } from './world.ts';

const withinMs = 30_000;
const file = '/run/station.conf';
export const sharers = ['p1', 'p2'] as const;

export interface SharedScene {
  readonly lab: World;
  readonly client: Client;
  readonly keys: WgKeyPair;
  /** Of the group. */
  readonly serverKey: string;
  readonly endpoint4: string;
  /** Of the client's tunnel. */
  readonly address4: string;
  /** The node that has the tunnel, as a PoP has heard that is not of the group. */
  holder(): Promise<string>;
  heldBy(node: string, withinMs?: number): Promise<unknown>;
  /** What a node's kernel is told of clients of the other one. */
  elsewhere(node: string): Promise<string>;
  /** Where the internet leads the client's datagrams from now on: to one of these. */
  lead(...nodes: readonly string[]): Promise<void>;
  /** Every node has carried it out. */
  applied(revision: bigint | undefined): Promise<void>;
  /** A private key, to the nodes of the group. */
  sealed(privateKey: string): Record<string, Uint8Array>;
  /** The client has a file that is made now; gives its server's key. */
  byNewFile(): Promise<string>;
  stop(): Promise<void>;
}

/** Of the first PoP's endpoint and key; gives the revision of the last commit. */
async function share(lab: World, { fabric }: Client, [founder, joining]: readonly [string, string]): Promise<bigint> {
  const opener = lab.nodes.find(({ node }) => node.popId === founder);
  await fabric.createAnycastGroup({ id: 'shared', pop: founder });
  const sealed = sealedFor(lab, [founder, joining], opener?.keys.access.privateKey ?? '');
  const { changed } = await fabric.updatePop({ pop: joining, anycastGroup: 'shared', sealed });
  return changed?.revision ?? 0n;
}

/** A private key, to the nodes of these PoPs. */
function sealedFor({ nodes }: World, popIds: readonly string[], privateKey: string): Record<string, Uint8Array> {
  const clear = Buffer.from(privateKey, 'base64');
  const members = nodes.filter(({ node }) => popIds.includes(node.popId));
  return Object.fromEntries(members.map(({ node, keys }) => [node.id, seal(clear, recipientOf(keys.sealing))]));
}

async function applied({ status }: Client, revision: bigint): Promise<void> {
  for await (const { pendingNodeIds } of status.waitApplied({ revision }, { deadlineMs: withinMs }))
    if (pendingNodeIds.length === 0) break;
}

/** The client's tunnel by a file that is made now; the one before is put away. */
async function byNewFile(lab: World, client: Client, keys: WgKeyPair, popId: string) {
  const template = await client.tunnels.getTunnelTemplate({ tunnel: 'station', popId });
  // 1: it is not up yet.
  await lab.exec('client', ['wg-quick', 'down', file], { accept: [0, 1] });
  await writeFile(file, wgQuick({ ...template, privateKey: keys.privateKey }), { mode: 0o600 });
  await lab.exec('client', ['wg-quick', 'up', file], { env: { WG_QUICK_USERSPACE_IMPLEMENTATION: 'wireguard-go' } });
  await eventually(() => lab.exec('client', ['ping', '-n', '-c1', '-W1', host4]), withinMs);
  return template;
}

async function fill(
  lab: World,
  client: Client,
  keys: WgKeyPair,
  { pops, nodes }: Sharing,
): Promise<Pick<SharedScene, 'address4' | 'serverKey' | 'endpoint4'>> {
  for (const prefix of ['44.31.0.0/22', '2001:db8:44::/48']) await client.pools.createPool({ prefix });
  const placed = { homePopId: pops[0], popIds: [pops[0]] };
  const { tunnel } = await client.tunnels.createTunnel({ name: 'station', publicKey: keys.publicKey, ...placed });
  const revision = await share(lab, client, pops);
  await applied(client, revision);
  const template = await client.tunnels.getTunnelTemplate({ tunnel: 'station', popId: pops[1] });
  const { endpointAddress: endpoint4, peerPublicKey: serverKey } = template;
  await leadTo(lab, nodes, endpoint4);
  await byNewFile(lab, client, keys, pops[1]);
  return { address4: tunnel?.prefixes[0]?.split('/')[0] ?? '', serverKey, endpoint4 };
}

/** Who shares, and who sees it from outside. */
interface Sharing {
  /** The founder, and the one that joins. */
  readonly pops: readonly [string, string];
  /** Of the founder. */
  readonly nodes: readonly string[];
  readonly onlooker: string;
}
const single: Sharing = { pops: ['north', 'east'], nodes: ['p1'], onlooker: 'p3' };
const withPair: Sharing = { pops: ['south', 'north'], nodes: ['p3', 'p4'], onlooker: 'p2' };

/** @param pair the PoP that founds the group has two nodes */
export async function raiseShared(directory: string, { pair = false } = {}): Promise<SharedScene> {
  const lab = await raiseLab({ directory, clock: realClock, ...(pair && { pair }) });
  const sharing = pair ? withPair : single;
  const client = openClient(adminContext(lab), { deadlineMs: 10_000 });
  const stop = async (): Promise<void> => {
    client.close();
    await lab.stop();
  };
  try {
    const keys = newWgKeyPair();
    const told = await fill(lab, client, keys, sharing);
    const holder = async (): Promise<string> => (await stayOf(client, sharing.onlooker, 'station')).heldByNodeId;
    return {
      ...{ lab, client, keys, stop, holder, ...told },
      heldBy: (node, limitMs = withinMs) => eventually(async () => (await holder()) === node, limitMs),
      applied: (revision = 0n) => applied(client, revision),
      sealed: (privateKey) => sealedFor(lab, sharing.pops, privateKey),
      byNewFile: async () => (await byNewFile(lab, client, keys, sharing.pops[1])).peerPublicKey,
      lead: (...nodes) => leadTo(lab, nodes, told.endpoint4),
      elsewhere: async (node) =>
        (await lab.exec(`${node}t`, ['nft', 'list', 'map', 'ip', 'pop44a', 'elsewhere'])).stdout,
    };
  } catch (thrown) {
    await stop();
    throw thrown;
  }
}
