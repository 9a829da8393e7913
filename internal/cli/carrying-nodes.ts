// Carrying nodes: who carries a tunnel: the nodes of its PoPs, and of those that share an endpoint with one of them.

import type { Client } from '#internal/client/client.ts';
import type { Tunnel } from '#internal/gen/pop44/v1/tunnels_pb.ts';

/** Ids. */
export type CarriersOf = (popIds: readonly string[]) => string[];

/** Asked once, for many tunnels. @throws Fault */
export async function carriers({ fabric }: Client): Promise<CarriersOf> {
  const [{ nodes }, { pops }] = await Promise.all([fabric.listNodes({}), fabric.listPops({})]);
  return (popIds) => {
    const groups = new Set(pops.flatMap((pop) => (popIds.includes(pop.id) ? [pop.anycastGroupId] : [])));
    groups.delete('');
    const carrying = new Set([...popIds, ...pops.flatMap((pop) => (groups.has(pop.anycastGroupId) ? [pop.id] : []))]);
    return nodes.flatMap(({ node }) => (node !== undefined && carrying.has(node.popId) ? [node.id] : []));
  };
}

/** Ids. @throws Fault */
export const carryingNodes = async (client: Client, { popIds }: Pick<Tunnel, 'popIds'>): Promise<string[]> =>
  (await carriers(client))(popIds);
