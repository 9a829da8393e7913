// Regional: when a REGIONAL may carry tunnels. One that hangs on a single link takes its users down with it, and its second
// node as well where both hang on the same one; so that each of its nodes needs two COREs, unless an admin knows better.

import { type Refusal, refuse } from '#internal/errors/errors.ts';
import { type Pop, PopKind } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { nodesInForce, type Snapshot } from '#internal/model/model.ts';
import { nodesOfPops } from './sealed.ts';

/** DESIGN.md 7: the loss of one CORE, or of the link to it, leaves the other. */
const coresWanted = 2;

interface Counted {
  readonly nodes: Snapshot['nodes'];
  readonly pops: Snapshot['pops'];
  /** By node id: nodes of COREs that it has interconnects with; two with one hang on one machine. */
  readonly coreLinks: ReadonlyMap<string, number>;
}

// The fabric changes seldom and every tunnel asks for it; an immutable map is its own version.
const remembered = new WeakMap<Snapshot['interconnects'], Counted>();

/** O(1) for a fabric that was asked for before, O(nodes + interconnects) once for each change of it. */
function coreLinksOf(snapshot: Snapshot): ReadonlyMap<string, number> {
  const { nodes, pops, interconnects } = snapshot;
  const known = remembered.get(interconnects);
  if (known !== undefined && known.nodes === nodes && known.pops === pops) return known.coreLinks;
  const ofCores = nodesInForce(snapshot).filter(({ popId }) => pops.get(popId)?.record.kind === PopKind.CORE);
  const cores = new Set(ofCores.map(({ id }) => id));
  const found = new Map<string, Set<string>>();
  for (const { record } of interconnects.values()) {
    for (const [own, far] of [
      [record.nodeA, record.nodeB],
      [record.nodeB, record.nodeA],
    ] as const) {
      if (cores.has(far)) found.set(own, (found.get(own) ?? new Set()).add(far));
    }
  }
  const coreLinks = new Map([...found].map(([own, fars]) => [own, fars.size] as const));
  remembered.set(interconnects, { nodes, pops, coreLinks });
  return coreLinks;
}

/** Refuses `not-ready`: a REGIONAL with no node, or one of whose nodes has interconnects with fewer than two nodes of COREs. */
export function refusedRegional(snapshot: Snapshot, field: string, pop: Pop): Refusal | undefined {
  if (pop.kind !== PopKind.REGIONAL || pop.singleHomed) return undefined;
  const nodes = nodesOfPops(snapshot, [pop.id]);
  if (nodes.length === 0) {
    const cure = `pop44 node token create NAME --pop ${pop.id}`;
    return refuse('not-ready', { field, value: pop.id, problem: 'is a REGIONAL without a node', cure });
  }
  const coreLinks = coreLinksOf(snapshot);
  const short = nodes.find(({ id }) => (coreLinks.get(id) ?? 0) < coresWanted);
  if (short === undefined) return undefined;
  return refuse('not-ready', {
    field,
    value: pop.id,
    problem: `is a REGIONAL whose node ${short.id} has ${coreLinks.get(short.id) ?? 0} of ${coresWanted} interconnects with COREs`,
    cure: `pop44 interconnect create ${short.id} and a node of a CORE, or pop44 pop update ${pop.id} --single-homed`,
  });
}

/** Refuses `invalid`: the rule is of REGIONALs alone. */
export function singleHomedField(pop: Pop): Refusal | undefined {
  if (!pop.singleHomed || pop.kind === PopKind.REGIONAL) return undefined;
  const problem = 'is for a REGIONAL alone';
  return refuse('invalid', { field: 'pop.single_homed', value: 'true', problem, cure: 'leave it out' });
}
