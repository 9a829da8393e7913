// Fault toxic: what the proxy before a member of etcd does to the daemons' connections.

import { Toxiproxy, type ToxicAttributeTypes, type ToxicType } from 'toxiproxy-node-client';
import type { ClusterNode } from '#internal/testkit/cluster.ts';
import { proxyName } from '#internal/testkit/cluster-node.ts';
import type { FaultKind } from './fault.ts';

interface Toxic {
  readonly type: ToxicType;
  readonly attributes: ToxicAttributeTypes;
}

const toxics = {
  'toxic-latency': { type: 'latency', attributes: { latency: 300, jitter: 100 } },
  'toxic-jitter': { type: 'latency', attributes: { latency: 500, jitter: 500 } },
  'toxic-slow-close': { type: 'slow_close', attributes: { delay: 1_500 } },
  'toxic-reset': { type: 'reset_peer', attributes: { timeout: 50 } },
  // 0: nothing comes through and nothing is closed.
  'toxic-timeout': { type: 'timeout', attributes: { timeout: 0 } },
  'toxic-slicer': { type: 'slicer', attributes: { average_size: 100, size_variation: 50, delay: 500 } },
  // Of one connection: an answer or two, and then the end in the middle of another.
  'toxic-limit': { type: 'limit_data', attributes: { bytes: 20_000 } },
  'toxic-bandwidth': { type: 'bandwidth', attributes: { rate: 16 } },
} as const satisfies Readonly<Record<string, Toxic>>;

export type ToxicFault = keyof typeof toxics;

export const isToxic = (kind: FaultKind): kind is ToxicFault => Object.hasOwn(toxics, kind);

/** Resets, cuts and silence hit the answers: the request came through, and nobody knows. */
export async function intoxicate(kind: ToxicFault, node: ClusterNode): Promise<() => Promise<void>> {
  const proxy = await proxyOf(node);
  const toxic = await proxy.addToxic<ToxicAttributeTypes>({
    name: kind,
    stream: 'downstream',
    toxicity: 1,
    ...toxics[kind],
  });
  return () => toxic.remove();
}

/** Takes every toxic away. */
export async function detoxicate({ toxiproxy }: ClusterNode): Promise<void> {
  if (toxiproxy !== undefined) await new Toxiproxy(toxiproxy.url).reset();
}

function proxyOf({ id, toxiproxy }: ClusterNode) {
  if (toxiproxy === undefined)
    throw new Error(`${id} has no proxy before its etcd: toxics need a cluster with toxiproxy`);
  return new Toxiproxy(toxiproxy.url).get(proxyName);
}
