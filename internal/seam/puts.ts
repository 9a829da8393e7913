// Puts: all of a data plane as items of a want.

import type { Dataplane, Item } from '#internal/dataplane/dataplane.ts';

/** Everything of a dataplane as puts. */
export function putsOf(dataplane: Dataplane): readonly Item[] {
  const puts: Item[] = [];
  for (const [kind, map] of Object.entries(dataplane))
    for (const value of map.values()) puts.push([kind, value] as Item);
  return puts;
}
