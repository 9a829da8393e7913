// Delete upstream: a transit session ends. What it alone announces falls silent: that is refused, unless it is forced.

import { create } from '@bufbuild/protobuf';
import { announcedEndpoint } from '#internal/desired/desired.ts';
import { isRefusal, type Refusal, refuse } from '#internal/errors/errors.ts';
import { Plane, type Upstream } from '#internal/gen/pop44/store/v1/records_pb.ts';
import {
  type DeleteUpstreamRequest,
  type DeleteUpstreamResponse,
  DeleteUpstreamResponseSchema,
} from '#internal/gen/pop44/v1/fabric_pb.ts';
import { inForce, possibleOrigins, type Snapshot, servedPop, standingPools } from '#internal/model/model.ts';
import { type CommandContext, type Decided, notReady, staleEtag, unchanged } from './context.ts';
import { notFound } from './fields.ts';

const families = [4, 6] as const;
type Family = (typeof families)[number];
const speaks = ({ neighbor4, neighbor6 }: Upstream, family: Family): boolean =>
  (family === 4 ? neighbor4 : neighbor6) !== '';

/** What somebody announces by this session in a family, in words, and who else announces it too: ids of upstreams. */
interface Told {
  readonly what: string;
  readonly by: readonly string[];
}

/**
 * A node without a session never takes itself for cut off, so that another one of its PoP does not stand in for it: of an
 * endpoint only the node's own count.
 */
function endpointTold(snapshot: Snapshot, { id, nodeId }: Upstream, family: Family): Told {
  const node = snapshot.nodes.get(nodeId)?.record;
  const pop = snapshot.pops.get(node?.popId ?? '')?.record;
  const by = [...snapshot.upstreams.values()].flatMap(({ record }) =>
    record.id !== id && record.nodeId === nodeId && record.plane === Plane.TRANSPORT && speaks(record, family)
      ? [record.id]
      : [],
  );
  const endpoint = pop === undefined ? '' : announcedEndpoint(servedPop(snapshot, pop), family);
  return { what: endpoint === '' ? '' : `the endpoint ${endpoint}, as node ${nodeId} announces it`, by };
}

/** Of the pools all COREs announce all. */
function poolsTold(snapshot: Snapshot, { id, nodeId }: Upstream, family: Family): Told {
  const origins = new Set(possibleOrigins(snapshot, family).map((node) => node.id));
  const by = [...snapshot.upstreams.values()].flatMap(({ record }) =>
    record.id !== id && record.plane === Plane.POP && origins.has(record.nodeId) && speaks(record, family)
      ? [record.id]
      : [],
  );
  const standing = standingPools(snapshot);
  const pools = [...snapshot.pools.values()].flatMap(({ record }) =>
    standing.has(record.id) && record.parentPoolId === '' && record.prefix.includes(':') === (family === 6)
      ? [record.prefix]
      : [],
  );
  return { what: origins.has(nodeId) ? pools.sort().join(', ') : '', by };
}

/** Sessions that must stay where this one goes, so that nothing falls silent. Refuses `in-use`. O(upstreams). */
function stays(snapshot: Snapshot, going: Upstream): readonly string[] | Refusal {
  const node = snapshot.nodes.get(going.nodeId)?.record;
  if (node === undefined || !inForce(node)) return [];
  const told = families
    .filter((family) => speaks(going, family))
    .map((family) => (going.plane === Plane.TRANSPORT ? endpointTold : poolsTold)(snapshot, going, family))
    .filter(({ what }) => what !== '');
  const silent = told.filter(({ by }) => by.length === 0).map(({ what }) => what);
  if (silent.length === 0) return [...new Set(told.flatMap(({ by }) => by.toSorted().slice(0, 1)))];
  return refuse('in-use', {
    field: 'upstream',
    value: going.id,
    problem: `is the last that hears of ${silent.join(' and ')}`,
    cure: 'pop44 upstream create another one before, or --force',
  });
}

/** Refuses `not-found`, `stale-etag`, `in-use` (what it alone announces, unless forced). */
export function deleteUpstream(
  snapshot: Snapshot,
  request: DeleteUpstreamRequest,
  _context: CommandContext,
): Refusal | Decided<DeleteUpstreamResponse> {
  const unready = notReady(snapshot);
  if (unready !== undefined) return unready;
  const id = request.upstream;
  const stored = snapshot.upstreams.get(id);
  if (stored === undefined) return notFound('upstream', id, 'upstream');
  const stale = staleEtag(request.change, stored.revision);
  if (stale !== undefined) return stale;
  const stay = request.force ? [] : stays(snapshot, stored.record);
  if (isRefusal(stay)) return stay;
  // Two that go at once are each what the other one counts on.
  const others = stay.map((other) => unchanged('upstream', other, snapshot.upstreams.get(other)));
  return {
    decision: {
      compares: [unchanged('upstream', id, stored), ...others],
      writes: [{ op: 'delete', kind: 'upstream', id }],
    },
    response: create(DeleteUpstreamResponseSchema),
  };
}
