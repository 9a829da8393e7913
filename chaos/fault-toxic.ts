// Fault toxic: what the proxies before a member of etcd and before an API do to the connections of daemons and clients.

import { Toxiproxy, type ToxicAttributeTypes, type ToxicType } from 'toxiproxy-node-client';
import type { ClusterNode } from '#internal/testkit/cluster.ts';
import { proxies } from '#internal/testkit/cluster-node.ts';
import type { FaultKind } from './fault.ts';

interface Toxic {
  /** Before which of the services. */
  readonly proxy: keyof typeof proxies;
  readonly type: ToxicType;
  readonly attributes: ToxicAttributeTypes;
}

const toxics = {
  'toxic-latency': { proxy: 'etcd', type: 'latency', attributes: { latency: 300, jitter: 100 } },
  'toxic-jitter': { proxy: 'etcd', type: 'latency', attributes: { latency: 500, jitter: 500 } },
  'toxic-slow-close': { proxy: 'etcd', type: 'slow_close', attributes: { delay: 1_500 } },
  'toxic-reset': { proxy: 'etcd', type: 'reset_peer', attributes: { timeout: 50 } },
  // 0: nothing comes through and nothing is closed.
  'toxic-timeout': { proxy: 'etcd', type: 'timeout', attributes: { timeout: 0 } },
  'toxic-slicer': { proxy: 'etcd', type: 'slicer', attributes: { average_size: 100, size_variation: 50, delay: 500 } },
  // Of one connection: an answer or two, and then the end in the middle of another.
  'toxic-limit': { proxy: 'etcd', type: 'limit_data', attributes: { bytes: 20_000 } },
  'toxic-bandwidth': { proxy: 'etcd', type: 'bandwidth', attributes: { rate: 16 } },
  'api-latency': { proxy: 'api', type: 'latency', attributes: { latency: 300, jitter: 300 } },
  'api-reset': { proxy: 'api', type: 'reset_peer', attributes: { timeout: 50 } },
  'api-timeout': { proxy: 'api', type: 'timeout', attributes: { timeout: 0 } },
  'api-limit': { proxy: 'api', type: 'limit_data', attributes: { bytes: 20_000 } },
} as const satisfies Readonly<Record<string, Toxic>>;

export type ToxicFault = keyof typeof toxics;

export const isToxic = (kind: FaultKind): kind is ToxicFault => Object.hasOwn(toxics, kind);

/** Resets, cuts and silence hit the answers: the request came through, and nobody knows. */
export async function intoxicate(kind: ToxicFault, node: ClusterNode): Promise<() => Promise<void>> {
  const { proxy: name, ...toxicParts } = toxics[kind];
  const proxy = await proxyOf(node, proxies[name]);
  const toxic = await proxy.addToxic<ToxicAttributeTypes>({
    name: kind,
    stream: 'downstream',
    toxicity: 1,
    ...toxicParts,
  });
  return () => toxic.remove();
}

/** Takes every toxic away. */
export async function detoxicate({ toxiproxy }: ClusterNode): Promise<void> {
  if (toxiproxy !== undefined) await new Toxiproxy(toxiproxy.url).reset();
}

function proxyOf({ id, toxiproxy }: ClusterNode, name: string) {
  if (toxiproxy === undefined)
    throw new Error(`${id} has no proxy before its etcd: toxics need a cluster with toxiproxy`);
  return new Toxiproxy(toxiproxy.url).get(name);
}
