// Carrying nodes: who carries a tunnel: the nodes of its PoPs, and of those that share an endpoint with one of them.

import type { Client } from '#internal/client/client.ts';
import type { Tunnel } from '#internal/gen/pop44/v1/tunnels_pb.ts';

/** Ids. @throws Fault */
export async function carryingNodes({ fabric }: Client, { popIds }: Pick<Tunnel, 'popIds'>): Promise<string[]> {
  const [{ nodes }, { pops }] = await Promise.all([fabric.listNodes({}), fabric.listPops({})]);
  const groups = new Set(pops.flatMap((pop) => (popIds.includes(pop.id) ? [pop.anycastGroupId] : [])));
  groups.delete('');
  const carrying = new Set([...popIds, ...pops.flatMap((pop) => (groups.has(pop.anycastGroupId) ? [pop.id] : []))]);
  return nodes.flatMap(({ node }) => (node !== undefined && carrying.has(node.popId) ? [node.id] : []));
}
