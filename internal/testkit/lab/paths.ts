// Paths: flows from a client of a node that has two equal ways to the internet, and what may happen to these ways.

import { writeFile } from 'node:fs/promises';
import { eventually } from '../eventually.ts';
import { host4 } from './topology.ts';
import type { World } from './world.ts';

type Exec = Pick<World, 'exec'>;

/** Takes the node's own way out, so that its default route leads over its neighbours. */
export async function withoutUpstream(lab: Exec, node: string): Promise<void> {
  for (const session of [`${node}_pop4`, `${node}_pop6`])
    await lab.exec('inet', ['birdc', '-s', '/run/inet/bird.ctl', 'disable', session]);
}

/** Weights of the default route's ways, by interface, as the kernel has them; none where there is one way. */
export async function waysOut(lab: Exec, node: string): Promise<ReadonlyMap<string, number>> {
  const { stdout } = await lab.exec(`${node}p`, ['ip', '-4', 'route', 'show', 'default', 'table', '4401']);
  return new Map([...stdout.matchAll(/dev (\S+) weight (\d+)/g)].map(([, dev = '', weight]) => [dev, Number(weight)]));
}

/** Bytes that have left by an interface. */
export async function sentBy(lab: Exec, node: string, link: string): Promise<number> {
  const { stdout } = await lab.exec(`${node}p`, ['ip', '-s', '-j', 'link', 'show', 'dev', link]);
  const [shown] = JSON.parse(stdout) as readonly { readonly stats64: { readonly tx: { readonly bytes: number } } }[];
  return shown?.stats64.tx.bytes ?? 0;
}

const flows = 100;
const bytes = 1_200;

/** A datagram in each of a hundred UDP flows from the client to one port of the host: they differ by their source ports alone. */
export async function manyFlows(lab: Exec): Promise<void> {
  const send = `for n in {1..${flows}}; do printf %${bytes}s > /dev/udp/${host4}/9; done`;
  await lab.exec('client', ['bash', '-c', send]);
}
/** Of them, by one of two equal ways: seldom less (one in 10^9, binomial). */
export const leastBytes = (flows / 5) * bytes;

/** Raises the client's tunnel from a file. */
export async function wgQuickUp(lab: Exec, name: string, file: string): Promise<void> {
  await writeFile(`/run/${name}.conf`, file, { mode: 0o600 });
  const env = { WG_QUICK_USERSPACE_IMPLEMENTATION: 'wireguard-go' };
  await lab.exec('client', ['wg-quick', 'up', `/run/${name}.conf`], { env });
}

/** Drops a node's BFD of one interconnect; gives what ends it. */
export async function cutBfd(lab: Exec, node: string, link: string): Promise<() => Promise<void>> {
  const table = `cut-${link}`;
  await lab.exec(`${node}p`, [
    'nft',
    `add table inet ${table}; add chain inet ${table} p { type filter hook prerouting priority -310; }; add rule inet ${table} p iifname "${link}" udp dport 3784 drop`,
  ]);
  return async () => void (await lab.exec(`${node}p`, ['nft', 'delete', 'table', 'inet', table]));
}

/**
 * BFD of one interconnect is lost and comes back, until it is known to flap: at most eight times. Each loss lasts until it
 * was seen.
 * @param state of the path, as the node's daemon tells it
 */
export async function flap(
  lab: Exec,
  [node, link]: readonly [string, string],
  state: () => Promise<{ readonly up: boolean; readonly troubles: readonly string[] } | undefined>,
  withinMs: number,
): Promise<void> {
  for (let turn = 0; turn < 8 && (await state())?.troubles.includes('flapping') !== true; turn += 1) {
    const restore = await cutBfd(lab, node, link);
    try {
      await eventually(async () => (await state())?.up === false, withinMs);
    } finally {
      await restore();
    }
    await eventually(async () => (await state())?.up === true, withinMs);
  }
}
