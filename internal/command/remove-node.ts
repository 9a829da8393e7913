// Remove node: a machine that is gone leaves the records, with everything that is its alone; or it is revoked and its place kept
// for another machine, which joins by a token for its name.

import { clone, create } from '@bufbuild/protobuf';
import { type Refusal, refuse } from '#internal/errors/errors.ts';
import {
  type AnycastGroup,
  AnycastGroupSchema,
  type Node,
  type Pop,
  PopKind,
  PopSchema,
} from '#internal/gen/pop44/store/v1/records_pb.ts';
import {
  type RemoveNodeRequest,
  type RemoveNodeResponse,
  RemoveNodeResponseSchema,
} from '#internal/gen/pop44/v1/fabric_pb.ts';
import { carryingPops, groupOf, inForce, nodesInForce, possibleOrigins, type Snapshot } from '#internal/model/model.ts';
import { alone, type CommandContext, type Decided, notReady, staleEtag } from './context.ts';
import { Draft } from './draft.ts';
import { idField, notFound } from './fields.ts';
import { waysToCores } from './last-core.ts';
import { nameLastResort } from './last-resort.ts';
import { lastInForce, shutOut } from './revoke-node.ts';

/** etcd takes 128 operations a transaction, of each kind; audit, operation and network are among them. */
const mostRecords = 100;

const idsWhere = <T>(
  records: Iterable<readonly [string, { readonly record: T }]>,
  holds: (record: T) => boolean,
): readonly string[] => [...records].flatMap(([id, { record }]) => (holds(record) ? [id] : [])).sort();

/** What nobody does any more without this node, in words; undefined: nothing. O(tunnels) for the last of a PoP. */
function lostWith(snapshot: Snapshot, node: Node): string | undefined {
  if (!inForce(node)) return undefined;
  const others = nodesInForce(snapshot).filter(({ id }) => id !== node.id);
  if (!others.some(({ popId }) => popId === node.popId)) {
    const isCore = ({ popId }: Node): boolean => snapshot.pops.get(popId)?.record.kind === PopKind.CORE;
    const popIds = carryingPops(snapshot, [node.popId]);
    const carried = idsWhere(
      snapshot.tunnels,
      ({ placement }) => placement?.popIds.some((id) => popIds.includes(id)) === true,
    );
    const what = isCore(node) && !others.some(isCore) ? ', the last CORE' : '';
    const which = carried.length === 0 ? 'which then has none' : `which carries ${carried.length} tunnels`;
    return `is the last node of PoP ${node.popId}${what}, ${which}`;
  }
  const silent = ([4, 6] as const).some((family) => {
    const origins = possibleOrigins(snapshot, family).map(({ id }) => id);
    return origins.length === 1 && origins[0] === node.id;
  });
  return silent ? 'is the last that announces the pools to anybody' : undefined;
}

/** Of the nodes at the other ends, one that reaches no CORE any more without these, in words; undefined: none. */
function strandedBy(snapshot: Snapshot, node: Node, interconnects: readonly string[]): string | undefined {
  const far = interconnects.flatMap((id) => {
    const record = snapshot.interconnects.get(id)?.record;
    return record === undefined ? [] : [record.nodeA === node.id ? record.nodeB : record.nodeA];
  });
  const stranded = [...new Set(far)].sort().find((id) => {
    const other = snapshot.nodes.get(id)?.record;
    const ways = other !== undefined && inForce(other) ? waysToCores(snapshot, id) : [];
    return ways.length > 0 && ways.every((way) => interconnects.includes(way));
  });
  return stranded === undefined ? undefined : `is the last way of node ${stranded} to a CORE`;
}

/** The record without what is sealed to the node; undefined: nothing is. */
function unsealed<R extends Pop | AnycastGroup>(record: R, nodeId: string): R | undefined {
  const sealed = [record.sealedAccessKey, record.nextAccessKey?.sealed].filter((each) => each?.[nodeId] !== undefined);
  for (const each of sealed) delete each?.[nodeId];
  return sealed.length === 0 ? undefined : record;
}

/** The anycast group of its PoP without what is sealed to the node; undefined: nothing is. */
function unsealedGroup(snapshot: Snapshot, pop: Pop, nodeId: string): AnycastGroup | undefined {
  const group = groupOf(snapshot, pop);
  return group && unsealed(clone(AnycastGroupSchema, group), nodeId);
}

interface Belongings {
  readonly interconnects: readonly string[];
  readonly upstreams: readonly string[];
  readonly tokens: readonly string[];
}

function belongingsOf(snapshot: Snapshot, nodeId: string): Belongings {
  return {
    interconnects: idsWhere(snapshot.interconnects, ({ nodeA, nodeB }) => nodeA === nodeId || nodeB === nodeId),
    upstreams: idsWhere(snapshot.upstreams, (upstream) => upstream.nodeId === nodeId),
    tokens: idsWhere(snapshot.jointokens, ({ node, usedAt }) => node?.id === nodeId && usedAt === undefined),
  };
}

/**
 * Refuses `required`, `invalid`, `not-found`, `stale-etag`, `in-use` (the last node in force; unless forced, what would be lost with
 * it; more records than one transaction takes).
 */
export function removeNode(
  snapshot: Snapshot,
  request: RemoveNodeRequest,
  { now }: CommandContext,
): Refusal | Decided<RemoveNodeResponse> {
  const bad = notReady(snapshot) ?? idField('node', request.node);
  if (bad !== undefined) return bad;
  const stored = snapshot.nodes.get(request.node);
  if (stored === undefined) return notFound('node', request.node, 'node');
  const node = stored.record;
  const refusal = staleEtag(request.change, stored.revision) ?? lastInForce(snapshot, node);
  if (refusal !== undefined) return refusal;
  const inUse = (problem: string, cure: string): Refusal =>
    refuse('in-use', { field: 'node', value: node.id, problem, cure });
  const belongings = belongingsOf(snapshot, node.id);
  const stranded = request.keepPlace ? undefined : strandedBy(snapshot, node, belongings.interconnects);
  const lost = request.force ? undefined : (lostWith(snapshot, node) ?? stranded);
  if (lost !== undefined) return inUse(lost, 'another one in its place before, or --force');

  const draft = new Draft();
  draft.read('node', node.id, stored);
  // A renewal at the same time would else write its certificate anew.
  draft.read('certificate', node.id, snapshot.certificates.get(node.id));
  if (snapshot.certificates.has(node.id)) draft.write({ op: 'delete', kind: 'certificate', id: node.id });
  const pop = snapshot.pops.get(node.popId);
  const open = pop === undefined ? undefined : unsealed(clone(PopSchema, pop.record), node.id);
  if (open !== undefined) {
    draft.read('pop', open.id, pop);
    draft.write({ op: 'put', kind: 'pop', id: open.id, record: open });
  }
  const group = pop === undefined ? undefined : unsealedGroup(snapshot, pop.record, node.id);
  if (group !== undefined) {
    draft.read('anycast', group.id, snapshot.anycasts.get(group.id));
    draft.write({ op: 'put', kind: 'anycast', id: group.id, record: group });
  }
  const record = request.keepPlace ? shutOut(node, now) : node;
  if (request.keepPlace) draft.write({ op: 'put', kind: 'node', id: node.id, record });
  else {
    draft.write({ op: 'delete', kind: 'node', id: node.id });
    nameLastResort(snapshot, node.id, false, draft);
    for (const [kind, ids, records] of [
      ['interconnect', belongings.interconnects, snapshot.interconnects],
      ['upstream', belongings.upstreams, snapshot.upstreams],
      ['jointoken', belongings.tokens, snapshot.jointokens],
    ] as const) {
      for (const id of ids) {
        draft.read(kind, id, records.get(id));
        draft.write({ op: 'delete', kind, id });
      }
    }
  }
  const decision = draft.decision();
  if (decision.compares.length > mostRecords) {
    const cure = 'pop44 interconnect delete some of its interconnects before';
    return inUse(`has ${decision.compares.length} records, and ${mostRecords} go at once`, cure);
  }
  // Two nodes that go at once are each what the other one counts on: both rewrite the network record, and so does who joins.
  const { compares, writes } = alone(snapshot);
  const named = decision.writes.some(({ kind }) => kind === 'network');
  return {
    decision: named
      ? decision
      : { compares: [...compares, ...decision.compares], writes: [...writes, ...decision.writes] },
    response: create(RemoveNodeResponseSchema, { node: record }),
  };
}
