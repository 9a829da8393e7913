// Shared endpoint: a lab whose PoPs north and east are an anycast group, as an operator makes it who can open the key of the
// first one, and a client of it.

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
  /** The node that has the tunnel, as the third PoP has heard. */
  holder(): Promise<string>;
  heldBy(node: string, withinMs?: number): Promise<unknown>;
  /** What a node's kernel is told of clients of the other one. */
  elsewhere(node: string): Promise<string>;
  /** Where the internet leads the client's datagrams from now on. */
  lead(node: string): Promise<void>;
  stop(): Promise<void>;
}

/** Of the first PoP's endpoint and key; gives the revision of the last commit. */
async function share(lab: World, { fabric }: Client, [founder, joining]: readonly [string, string]): Promise<bigint> {
  const members = lab.nodes.filter(({ node }) => node.popId === founder || node.popId === joining);
  const clear = Buffer.from(members[0]?.keys.access.privateKey ?? '', 'base64');
  await fabric.createAnycastGroup({ id: 'shared', pop: founder });
  const sealed = members.map(({ node, keys }) => [node.id, seal(clear, recipientOf(keys.sealing))] as const);
  const { changed } = await fabric.updatePop({
    ...{ pop: joining, anycastGroup: 'shared', sealed: Object.fromEntries(sealed) },
  });
  return changed?.revision ?? 0n;
}

async function fill(
  lab: World,
  client: Client,
  keys: WgKeyPair,
): Promise<Pick<SharedScene, 'address4' | 'serverKey' | 'endpoint4'>> {
  for (const prefix of ['44.31.0.0/22', '2001:db8:44::/48']) await client.pools.createPool({ prefix });
  const placed = { homePopId: 'north', popIds: ['north'] };
  const { tunnel } = await client.tunnels.createTunnel({ name: 'station', publicKey: keys.publicKey, ...placed });
  const revision = await share(lab, client, ['north', 'east']);
  for await (const { pendingNodeIds } of client.status.waitApplied({ revision }, { deadlineMs: withinMs }))
    if (pendingNodeIds.length === 0) break;
  const template = await client.tunnels.getTunnelTemplate({ tunnel: 'station', popId: 'east' });
  const { endpointAddress: endpoint4, peerPublicKey: serverKey } = template;
  await leadTo(lab, 'p1', endpoint4);
  await writeFile('/run/station.conf', wgQuick({ ...template, privateKey: keys.privateKey }), { mode: 0o600 });
  const env = { WG_QUICK_USERSPACE_IMPLEMENTATION: 'wireguard-go' };
  await lab.exec('client', ['wg-quick', 'up', '/run/station.conf'], { env });
  await eventually(() => lab.exec('client', ['ping', '-n', '-c1', '-W1', host4]), withinMs);
  return { address4: tunnel?.prefixes[0]?.split('/')[0] ?? '', serverKey, endpoint4 };
}

export async function raiseShared(directory: string): Promise<SharedScene> {
  const lab = await raiseLab({ directory, clock: realClock });
  const client = openClient(adminContext(lab), { deadlineMs: 10_000 });
  const stop = async (): Promise<void> => {
    client.close();
    await lab.stop();
  };
  try {
    const keys = newWgKeyPair();
    const told = await fill(lab, client, keys);
    const holder = async (): Promise<string> => (await stayOf(client, 'p3', 'station')).heldByNodeId;
    return {
      ...{ lab, client, keys, stop, holder, ...told },
      heldBy: (node, limitMs = withinMs) => eventually(async () => (await holder()) === node, limitMs),
      lead: (node) => leadTo(lab, node, told.endpoint4),
      elsewhere: async (node) =>
        (await lab.exec(`${node}t`, ['nft', 'list', 'map', 'ip', 'pop44a', 'elsewhere'])).stdout,
    };
  } catch (thrown) {
    await stop();
    throw thrown;
  }
}
