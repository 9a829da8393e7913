// Both routings: which sessions a node has where eBGP and OSPF stand beside each other, so that one can follow the other.

import type { Snapshot } from '#internal/model/model.ts';
import { loopbackOf } from './inner.ts';
import { legsOf } from './legs.ts';
import { innerOf } from './routing.ts';
import { adjacencyName, innerSessionName, reachedName, sessionName } from './session-names.ts';

const families = [4, 6] as const;

/**
 * By node, the names of the sessions with it by either routing, and that OSPF leads to it, as the driver of BIRD tells them: a session
 * between loopbacks says nothing of OSPF while eBGP leads to them too. Undefined where there is one routing alone. O(interconnects + nodes).
 */
function sessionsOfBoth(snapshot: Snapshot, nodeId: string): ReadonlyMap<string, readonly string[]> | undefined {
  const node = snapshot.nodes.get(nodeId)?.record;
  const inner = node === undefined ? undefined : innerOf(snapshot, node);
  if (node === undefined || inner === undefined || !inner.beside) return undefined;
  const found = new Map(
    inner.others.map((other) => [
      other.id,
      families.flatMap((family) => [
        innerSessionName(other.id, family),
        reachedName(`${loopbackOf(other, family)}/${family === 4 ? 32 : 128}`, family),
      ]),
    ]),
  );
  for (const { interconnect, link, turn, far, ospf } of legsOf(snapshot, node, { interconnectKeyFile: '' })) {
    if (!ospf) continue;
    const names = families.flatMap((family) => [
      sessionName(interconnect.id, turn, family),
      adjacencyName(link, family),
    ]);
    found.set(far.id, [...(found.get(far.id) ?? []), ...names]);
  }
  return found;
}

/**
 * What a node says of a change of routing: `ready`, whose sessions it waits for, or nothing where no change is open.
 * @param standing names of the sessions that stand; asked for where a change is open alone
 */
export async function routingChange(
  snapshot: Snapshot,
  nodeId: string,
  standing: () => Promise<readonly string[]>,
): Promise<string> {
  const wanted = sessionsOfBoth(snapshot, nodeId);
  if (wanted === undefined) return '';
  const there = new Set(await standing());
  const missing = [...wanted].filter(([, names]) => names.some((name) => !there.has(name))).map(([id]) => id);
  return missing.length === 0 ? routingsReady : `waits for sessions with ${missing.sort().join(', ')}`;
}

/** What it says when it lacks none. */
export const routingsReady = 'ready';
