// Stays: where a tunnel is, as the daemon of each node has heard.

import { expect } from 'vitest';
import type { Client } from '#internal/client/client.ts';
import { eventually } from '../eventually.ts';
import type { World } from './world.ts';

interface Stay {
  readonly heldByNodeId: string;
  readonly moves: number;
  readonly alsoAtNodeIds: readonly string[];
}

/** Milliseconds. */
const heardWithin = 20_000;

export async function stayOf(client: Client, node: string, tunnel: string): Promise<Stay> {
  const { tunnel: told } = await client.at(node).tunnels.getTunnel({ tunnel });
  const { heldByNodeId = '', moves = 0, alsoAtNodeIds = [] } = told ?? {};
  return { heldByNodeId, moves, alsoAtNodeIds };
}

export const staysEverywhere = (
  lab: World,
  client: Client,
  tunnel: string,
  where: Pick<Stay, 'heldByNodeId' | 'moves'>,
): Promise<boolean> =>
  eventually(async () => {
    for (const { node } of lab.nodes) expect(await stayOf(client, node.id, tunnel)).toMatchObject(where);
    return true;
  }, heardWithin);
