// Pair scene: a lab whose PoP `south` has two nodes, and a client with a tunnel there, for tests of what may happen to the two.

import { readFile, writeFile } from 'node:fs/promises';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { type Client, openClient } from '#internal/client/client.ts';
import { wgQuick } from '#internal/clientfile/clientfile.ts';
import { realClock } from '#internal/clock/clock.ts';
import type { NodeState } from '#internal/gen/pop44/v1/fabric_pb.ts';
import type { CreateTunnelRequestSchema } from '#internal/gen/pop44/v1/tunnels_pb.ts';
import { eventually } from '../eventually.ts';
import { adminContext } from './admin.ts';
import { newWgKeyPair } from './node-files.ts';
import { type Member, rolesOf } from './pair.ts';
import { raiseLab } from './raise.ts';
import { host4, type PairWish } from './topology.ts';
import type { World } from './world.ts';

/** Clearly below what a stock client needs by itself (15 s, measured). */
export const stockMs = 10_000;
/** A loaded machine's. */
export const withinMs = 30_000;

export interface PairScene {
  readonly lab: World;
  readonly client: Client;
  /** What the tunnel has, as prefixes. */
  readonly prefixes: readonly string[];
  /** The one that is active, and the other. */
  roles(): Promise<readonly [Member, Member]>;
  stateOf(node: Member): Promise<NodeState | undefined>;
  /** It has the role, and nothing is wrong with the pair. */
  settled(node: Member, role: 'active' | 'standby'): Promise<unknown>;
  /** The standby has heard where the client is. */
  heardBy(node: Member): Promise<unknown>;
  reached(netns: string, to: string): Promise<unknown>;
  applied(revision: bigint | undefined): Promise<void>;
  stop(): Promise<void>;
}

export interface SceneWish {
  readonly directory: string;
  readonly pair: true | PairWish;
  /** Besides name, key and home. */
  readonly tunnel?: Omit<MessageInitShape<typeof CreateTunnelRequestSchema>, '$typeName'>;
}

/** The client's tunnel is up, and it and the internet's host reach each other. */
export async function raisePairScene({ directory, pair, tunnel: wish = {} }: SceneWish): Promise<PairScene> {
  const station = newWgKeyPair();
  const lab = await raiseLab({ directory, clock: realClock, pair });
  const client = openClient(adminContext(lab));
  const stateOf: PairScene['stateOf'] = async (node) => {
    const { nodes } = await client.fabric.listNodes({});
    return nodes.find((state) => state.node?.id === node);
  };
  const reached: PairScene['reached'] = (netns, to) =>
    eventually(() => lab.exec(netns, ['ping', '-n', '-c1', '-W1', to]), withinMs);
  const applied: PairScene['applied'] = async (revision = 0n) => {
    for await (const { pendingNodeIds } of client.status.waitApplied({ revision }, { deadlineMs: withinMs }))
      if (pendingNodeIds.length === 0) break;
  };
  const roles = () => rolesOf(lab, withinMs);

  for (const prefix of ['44.31.0.0/22', '2001:db8:44::/48']) await client.pools.createPool({ prefix });
  const { changed, tunnel } = await client.tunnels.createTunnel({
    ...{ name: 'station', publicKey: station.publicKey, homePopId: 'south', firewall: { presets: ['ping'] } },
    ...wish,
  });
  await applied(changed?.revision);
  const template = await client.tunnels.getTunnelTemplate({ tunnel: 'station', popId: 'south' });
  await writeFile('/run/station.conf', wgQuick({ ...template, privateKey: station.privateKey }), { mode: 0o600 });
  await roles();
  const env = { WG_QUICK_USERSPACE_IMPLEMENTATION: 'wireguard-go' };
  await lab.exec('client', ['wg-quick', 'up', '/run/station.conf'], { env });
  await reached('client', host4);
  await reached('host', template.addresses[0]?.split('/')[0] ?? '');
  return {
    ...{ lab, client, prefixes: tunnel?.prefixes ?? [], roles, stateOf, reached, applied },
    settled: (node, role) =>
      eventually(async () => {
        const state = await stateOf(node);
        if (state?.role === role && state.pairAlarm === '') return true;
        throw new Error(`${node} is ${state?.role ?? 'unknown'}, ${state?.pairAlarm ?? ''}: ${state?.failure ?? ''}`);
      }, withinMs),
    heardBy: (node) =>
      eventually(
        async () => (await readFile(`/run/node/${node}/sibling-endpoints`, 'utf8')).includes(station.publicKey),
        withinMs,
      ),
    stop: async () => {
      client.close();
      await lab.stop();
    },
  };
}
