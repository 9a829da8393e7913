// Shared: what is found as it is wanted is held once. At 10,000 tunnels a second copy of every key and value is 10 MB.

import { setImmediate } from 'node:timers/promises';
import {
  type Dataplane,
  emptyDataplane,
  type Kind,
  kinds,
  type MutableDataplane,
} from '#internal/dataplane/dataplane.ts';
import { same } from '#internal/plan/plan.ts';

/** Keys looked at before others have their turn: about 1 ms. */
const slice = 1_000;

async function sharedKind<K extends Kind>(kind: K, want: Dataplane, seen: Dataplane, into: MutableDataplane) {
  let looked = 0;
  for (const [key, value] of want[kind]) {
    const found = seen[kind].get(key);
    if (found !== undefined && same(kind, value, found)) into[kind].set(key, value);
    looked += 1;
    if (looked % slice === 0) await setImmediate();
  }
  for (const [key, value] of seen[kind]) {
    if (!into[kind].has(key)) into[kind].set(key, value);
    looked += 1;
    if (looked % slice === 0) await setImmediate();
  }
}

/** `seen`, with the keys and values of `want` wherever they are the same; `want` may go on changing meanwhile. */
export async function shared(want: Dataplane, seen: Dataplane): Promise<MutableDataplane> {
  const made = emptyDataplane();
  for (const kind of kinds) await sharedKind(kind, want, seen, made);
  return made;
}
