// Pair: the two nodes of the lab's PoP `south`, seen from their kernels, and what may happen to one of them.

import { eventually } from '../eventually.ts';
import type { World } from './world.ts';

const members = ['p3', 'p4'] as const;
export type Member = (typeof members)[number];

/** Who may speak from the endpoint now, as the kernel has it. */
export async function speakersOf(lab: Pick<World, 'exec'>): Promise<readonly Member[]> {
  const leases = await Promise.all(
    members.map(async (node) => {
      const argv = ['nft', 'list', 'set', 'inet', 'pop44', 'lease'];
      const { stdout } = await lab.exec(`${node}t`, argv, { accept: [0, 1] });
      return stdout.includes('elements') ? [node] : [];
    }),
  );
  return leases.flat();
}

/** The one that is active, and the other. */
export const rolesOf = (lab: Pick<World, 'exec'>, withinMs: number): Promise<readonly [Member, Member]> =>
  eventually(async () => {
    const [active, second] = await speakersOf(lab);
    if (active === undefined || second !== undefined) return undefined;
    return [active, active === 'p3' ? 'p4' : 'p3'] as const;
  }, withinMs);

/** Everything that runs on a node: both halves, etcd, BIRD, wireguard-go, nft. */
export async function processesOf(lab: Pick<World, 'exec'>, node: string): Promise<readonly number[]> {
  const listed = await Promise.all(
    [`${node}t`, `${node}p`].map((netns) => lab.exec(netns, ['ip', 'netns', 'pids', netns])),
  );
  const pids = listed.flatMap(({ stdout }) => stdout.split('\n').filter((pid) => pid !== ''));
  return [...new Set(pids.map(Number))];
}

export function signal(pids: readonly number[], name: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, name);
    } catch {
      // It ended by itself meanwhile.
    }
  }
}

const parts = ['dataplane', 'etcd', 'daemon'] as const;

/** SIGKILL to everything of a node at once; nobody starts it again. Gives the Unix time of it, milliseconds. */
export async function killNode(lab: World, node: string): Promise<number> {
  const pids = await processesOf(lab, node);
  const stopping = parts.map((part) => lab.service(`${node}-${part}`).stop());
  signal(pids, 'SIGKILL');
  const killedMs = lab.clock.wall().getTime();
  await Promise.all(stopping);
  return killedMs;
}

/** As its service manager does when the machine is back; what runs stays. */
export async function startNode(lab: World, node: string): Promise<void> {
  for (const part of parts) {
    const service = lab.service(`${node}-${part}`);
    if (service.pid() === undefined) await service.start();
  }
}
