// Open flows: what is open of tunnels of this node. A look at the kernel's table costs the same for one tunnel and for many, so
// that they are looked for together, and one look ends before the next begins.

import type { Flow } from '#internal/dataplane/dataplane.ts';
import { longestOf, type Prefix, parseAddress } from '#internal/netip/netip.ts';

/** Tunnels in one look: its answer has room for `mostFlows` of all of them. */
const mostAtOnce = 64;

type Answer = PromiseWithResolvers<readonly Flow[]>;

/**
 * Gives what finds a tunnel's flows; it throws as `ask` does. Of a tunnel without prefixes nobody is asked.
 * @param ask what is open from and to prefixes, of which it takes 4,096 at once
 */
export function createOpenFlows(
  prefixesOf: (tunnelId: string) => readonly Prefix[],
  ask: (prefixes: readonly Prefix[]) => Promise<readonly Flow[]>,
): (tunnelId: string) => Promise<readonly Flow[]> {
  const waiting = new Map<string, Answer>();
  let busy = false;

  async function look(tunnelIds: Iterable<string>): Promise<ReadonlyMap<string, ReadonlySet<Flow>>> {
    const owners = new Map<Prefix, string>();
    for (const tunnelId of tunnelIds) for (const prefix of prefixesOf(tunnelId)) owners.set(prefix, tunnelId);
    const found = new Map<string, Set<Flow>>();
    if (owners.size === 0) return found;
    const find = longestOf(owners.keys());
    for (const flow of await ask([...owners.keys()]))
      for (const end of [flow.from, flow.to]) {
        const address = parseAddress(end);
        const prefix = typeof address === 'string' ? find(address) : undefined;
        const tunnelId = prefix === undefined ? undefined : owners.get(prefix);
        if (tunnelId !== undefined) found.set(tunnelId, (found.get(tunnelId) ?? new Set()).add(flow));
      }
    return found;
  }

  async function work(): Promise<void> {
    while (waiting.size > 0) {
      const batch = new Map(waiting.entries().take(mostAtOnce));
      for (const tunnelId of batch.keys()) waiting.delete(tunnelId);
      try {
        const found = await look(batch.keys());
        for (const [tunnelId, { resolve }] of batch) resolve([...(found.get(tunnelId) ?? [])]);
      } catch (cause) {
        for (const { reject } of batch.values()) reject(cause);
      }
    }
    // In the turn that has found nothing left: what is asked for in a later one finds nobody at work.
    busy = false;
  }

  return (tunnelId) => {
    const answer: Answer = waiting.get(tunnelId) ?? Promise.withResolvers<readonly Flow[]>();
    waiting.set(tunnelId, answer);
    if (!busy) {
      busy = true;
      // Those that are asked for by the same news go together.
      void Promise.resolve().then(work);
    }
    return answer.promise;
  };
}
