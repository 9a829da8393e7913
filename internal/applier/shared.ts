// Shared: what is found as it is wanted is held once. At 10,000 tunnels a second copy of every key and value is 10 MB.

import {
  type Dataplane,
  emptyDataplane,
  type Kind,
  type Kinds,
  kinds,
  type MutableDataplane,
} from '#internal/dataplane/dataplane.ts';
import { same } from '#internal/plan/plan.ts';

function sharedKind<K extends Kind>(kind: K, want: Dataplane, seen: Dataplane, into: MutableDataplane): void {
  const asWanted = (key: string, value: Kinds[K]): boolean => {
    const found = seen[kind].get(key);
    return found !== undefined && same(kind, value, found);
  };
  for (const [key, value] of want[kind]) if (asWanted(key, value)) into[kind].set(key, value);
  for (const [key, value] of seen[kind]) if (!into[kind].has(key)) into[kind].set(key, value);
}

/** `seen`, with the keys and values of `want` wherever they are the same. */
export function shared(want: Dataplane, seen: Dataplane): MutableDataplane {
  const made = emptyDataplane();
  for (const kind of kinds) sharedKind(kind, want, seen, made);
  return made;
}
