// Deafen: a cut of the mesh in one direction.

import type { World } from './world.ts';

/** Drops what arrives at a node from another one's WireGuard of the mesh; gives what ends it. */
export async function deafen(
  lab: Pick<World, 'exec'>,
  node: string,
  from: string,
  port: number,
): Promise<() => Promise<void>> {
  await lab.exec(`${node}t`, [
    'nft',
    `add table inet deaf; add chain inet deaf p { type filter hook prerouting priority -310; }; add rule inet deaf p ip saddr ${from} udp dport ${port} drop`,
  ]);
  return async () => {
    await lab.exec(`${node}t`, ['nft', 'delete', 'table', 'inet', 'deaf']);
  };
}
