// Interconnect mesh: joins what is missing between the nodes of COREs, which are all joined with each other.

import { create } from '@bufbuild/protobuf';
import { type Interconnect, InterconnectSchema, type Node, PopKind } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { Column } from './layout.ts';
import type { Session } from './session.ts';
import { waitUntilApplied } from './wait-applied.ts';

export interface MeshOptions {
  readonly dryRun?: boolean;
  /** Seconds. */
  readonly wait?: number;
}

const reach = (a: Node, b: Node): boolean =>
  (a.underlay4 !== '' && b.underlay4 !== '') || (a.underlay6 !== '' && b.underlay6 !== '');

/** Pairs without an interconnect, by ids; `apart` share no family of the underlay. O(nodes²). */
function missingPairs(nodes: readonly Node[], interconnects: readonly Interconnect[]) {
  const nameOf = (a: string, b: string): string => [a, b].sort().join(' ');
  const joined = new Set(interconnects.map(({ nodeA, nodeB }) => nameOf(nodeA, nodeB)));
  const sorted = [...nodes].sort((a, b) => (a.id < b.id ? -1 : 1));
  const pairs = sorted.flatMap((a, at) => sorted.slice(at + 1).map((b) => [a, b] as const));
  const missing = pairs.filter(([a, b]) => !joined.has(nameOf(a.id, b.id)));
  return {
    toJoin: missing.filter(([a, b]) => reach(a, b)).map(([a, b]) => ({ nodeA: a.id, nodeB: b.id })),
    apart: missing.filter(([a, b]) => !reach(a, b)).map(([a, b]) => ({ nodeA: a.id, nodeB: b.id })),
  };
}

/** One request for each pair. A refusal ends it and leaves what was made before; a repeat goes on from there. */
export async function joinMesh(
  session: Session,
  options: MeshOptions,
  columns: readonly Column<Interconnect>[],
): Promise<void> {
  const { fabric } = await session.client();
  const [{ pops }, { nodes }, { interconnects, freshness }] = await Promise.all([
    fabric.listPops({}),
    fabric.listNodes({}),
    fabric.listInterconnects({}),
  ]);
  session.aged(freshness);
  const cores = new Set(pops.filter(({ kind }) => kind === PopKind.CORE).map(({ id }) => id));
  const ofCores = nodes.flatMap(({ node }) =>
    node !== undefined && node.revokedAt === undefined && cores.has(node.popId) ? [node] : [],
  );
  const { toJoin, apart } = missingPairs(ofCores, interconnects);
  for (const { nodeA, nodeB } of apart) session.say(`${nodeA} and ${nodeB} share no underlay family: not joined`);
  const complete = toJoin.length === 0 && apart.length === 0;
  if (complete) session.say(`all ${ofCores.length} nodes of COREs are joined with each other`);
  if (toJoin.length === 0) return;
  if (options.dryRun === true) {
    const wanted = toJoin.map((pair) => create(InterconnectSchema, pair));
    const ends = columns.filter(([name]) => name === 'a' || name === 'b');
    await session.list(wanted, ends);
    return;
  }
  const made: Interconnect[] = [];
  let revision = 0n;
  try {
    for (const pair of toJoin) {
      const { interconnect, changed } = await fabric.createInterconnect(pair);
      revision = changed?.revision ?? revision;
      if (interconnect !== undefined) made.push(interconnect);
    }
  } finally {
    if (made.length > 0) await session.list(made, columns);
    session.say(`${made.length} of ${toJoin.length} interconnects created`);
  }
  if (options.wait !== undefined) await waitUntilApplied(session, { revision }, options.wait);
}
