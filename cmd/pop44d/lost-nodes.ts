// Lost nodes: which nodes of an anycast group lose what is relayed to them, out of BFD's word and the mesh's.

import type { PathEnds } from '#internal/desired/desired.ts';
import type { Links } from '#internal/seam/seam.ts';

export interface LostNodes {
  /** What is relayed to it is lost, or on a long way; to call its clients in vain costs little. */
  readonly gone: ReadonlySet<string>;
  /**
   * Nobody serves its clients. A daemon that is away while its node forwards costs nobody a session: BFD must miss it too, where
   * there is a link.
   */
  readonly dead: ReadonlySet<string>;
}

/**
 * Once for all of their clients: O(links + paths + ids).
 * @param links those that were ever up
 * @param unheard that were heard on the mesh, and are no more
 */
export function lostNodes(
  ids: readonly string[],
  {
    links,
    paths,
    unheard,
  }: {
    readonly links: Links['links'];
    readonly paths: readonly Pick<PathEnds, 'link' | 'nodeId'>[];
    readonly unheard: (id: string) => boolean;
  },
): LostNodes {
  const up = new Map(links.map(([link, isUp]) => [link, isUp]));
  const ways = Map.groupBy(paths, ({ nodeId }) => nodeId);
  const [gone, dead] = [new Set<string>(), new Set<string>()];
  for (const id of ids) {
    const known = (ways.get(id) ?? []).flatMap(({ link }) => up.get(link) ?? []);
    const unreached = known.length > 0 && !known.includes(true);
    const silent = unheard(id);
    if (unreached || silent) gone.add(id);
    if (silent && (unreached || known.length === 0)) dead.add(id);
  }
  return { gone, dead };
}
