// Cold start: of a node that has nothing any more but its keys and its etcd.

import { join } from 'node:path';
import { eventually } from '#internal/testkit/eventually.ts';
import type { World } from '#internal/testkit/lab/lab.ts';

const goneWithinMs = 5_000;
const loadedWithinMs = 120_000;

export const accessPeers = async (lab: World, node: string): Promise<number> => {
  const { stdout } = await lab.exec(`${node}p`, ['wg', 'show', 'p44w0', 'peers'], { timeoutMs: 20_000 });
  return stdout.split('\n').filter((line) => line !== '').length;
};

/**
 * Everything of the node ends and is forgotten but its keys and etcd; seconds until it holds all tunnels again.
 * @param stands what must hold besides
 */
export async function coldStart(
  lab: World,
  node: string,
  stands: () => Promise<boolean> = async () => true,
): Promise<number> {
  const expected = await accessPeers(lab, node);
  await lab.service(`${node}-daemon`).stop();
  await lab.service(`${node}-dataplane`).stop();
  await lab.exec(`${node}t`, ['sh', '-c', `rm -f /run/wireguard/p44w0.sock /run/wireguard/p44i-*.sock`]);
  await lab.exec(`${node}t`, ['sh', '-c', `rm -rf ${join('/run/node', node, 'state')}/*`]);
  await lab.exec(`${node}p`, ['nft', 'delete', 'table', 'inet', 'pop44']);
  await eventually(async () => {
    const { stdout } = await lab.exec(`${node}p`, ['ip', '-br', 'link']);
    return !stdout.includes('p44w0');
  }, goneWithinMs);
  const began = performance.now();
  await lab.service(`${node}-dataplane`).start();
  await lab.service(`${node}-daemon`).start();
  await eventually(async () => (await accessPeers(lab, node)) === expected, loadedWithinMs);
  await eventually(stands, loadedWithinMs);
  return (performance.now() - began) / 1000;
}
