// Mesh by hand: what pop44d's privileged half makes of a node's configuration, with wg(8) and ip(8), for tests of the
// lab without it.

import { nodeDirectory } from './places.ts';
import { meshPort } from './topology.ts';
import type { World } from './world.ts';

export async function raiseMeshByHand(world: World): Promise<void> {
  for (const { node } of world.nodes) {
    const peers = world.nodes
      .filter((other) => other.node.id !== node.id)
      .flatMap(({ node: other, keys }) => [
        ...['peer', keys.mesh.publicKey, 'endpoint', `${other.underlay4}:${meshPort}`],
        // Both ends call, or the first handshake may wait 5 s for a repeat (wg: REKEY_TIMEOUT).
        ...['allowed-ips', `${other.meshAddress}/128`, 'persistent-keepalive', '5'],
      ]);
    const key = `${nodeDirectory(node.id)}/mesh.wgkey`;
    await world.exec(node.transport, ['wireguard-go', 'p44m']);
    await world.exec(node.transport, [
      'wg',
      'set',
      'p44m',
      'listen-port',
      String(meshPort),
      'private-key',
      key,
      ...peers,
    ]);
    const lines = [`addr add ${node.meshAddress}/64 dev p44m nodad`, 'link set p44m mtu 1380 up'];
    await world.exec(node.transport, ['ip', '-batch', '-'], { input: `${lines.join('\n')}\n` });
  }
}
