// Cluster network: a namespace for each node, all on one bridge, and we on it too.

import { run } from '#internal/exec/exec.ts';
import { netnsFile } from './lab/places.ts';
import type { LabNode } from './lab/topology.ts';

const bridge = 'cluster';
const driverAddress = 'fd44:44::ff';

const cableOf = (node: LabNode): string => `cl-${node.id}`;

const batch = (lines: readonly string[], node?: LabNode) =>
  run({
    file: 'ip',
    args: ['-batch', '-'],
    input: `${lines.join('\n')}\n`,
    ...(node === undefined ? {} : { netns: netnsFile(node.transport) }),
  });

// nodad: duplicate address detection would keep an address from being used for a second (RFC 4862 5.4).
/** Wants an own network and mount namespace with a writable /run. */
export async function raiseClusterNetwork(nodes: readonly LabNode[]): Promise<void> {
  await batch([
    'link set lo up',
    `link add ${bridge} type bridge`,
    `addr add ${driverAddress}/64 dev ${bridge} nodad`,
    ...nodes.flatMap((node) => [
      `netns add ${node.transport}`,
      `link add ${cableOf(node)} type veth peer name uplink netns ${node.transport}`,
      `link set ${cableOf(node)} master ${bridge} up`,
    ]),
    `link set ${bridge} up`,
  ]);
  await Promise.all(
    nodes.map((node) =>
      batch(['link set lo up', `addr add ${node.meshAddress}/64 dev uplink nodad`, 'link set uplink up'], node),
    ),
  );
}

/** The cables go with the namespaces. */
export async function razeClusterNetwork(nodes: readonly LabNode[]): Promise<void> {
  for (const node of nodes) await run({ file: 'ip', args: ['netns', 'del', node.transport], accept: [0, 1] });
  await run({ file: 'ip', args: ['link', 'del', bridge], accept: [0, 1] });
}
