// Drain node: an admin takes a node out of use, so that it can be worked on, and puts it back. What moves, and when it has, is
// the daemons' matter (cmd/pop44d/drain.ts); here stands what is wanted.

import { clone, create } from '@bufbuild/protobuf';
import { timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt';
import { isRefusal, type Refusal, refuse } from '#internal/errors/errors.ts';
import { DrainSchema, type Node, NodeSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import {
  type DrainNodeRequest,
  type DrainNodeResponse,
  DrainNodeResponseSchema,
  type UndrainNodeRequest,
  type UndrainNodeResponse,
  UndrainNodeResponseSchema,
} from '#internal/gen/pop44/v1/fabric_pb.ts';
import { carryingPops, type Snapshot } from '#internal/model/model.ts';
import type { Decision, Stored } from '#internal/model/record.ts';
import { type CommandContext, type Decided, notReady, staleEtag, unchanged } from './context.ts';
import { notFound, textField } from './fields.ts';
import { revokedNode } from './revoke-node.ts';

/** What is known of a node besides its record. */
export interface Carried {
  /** It carries its PoP now. */
  readonly carries: boolean;
  /** The other node of its PoP can carry it. */
  readonly relieved: boolean;
}

function nodeToChange(
  snapshot: Snapshot,
  { node, change }: Pick<DrainNodeRequest, 'node' | 'change'>,
): Refusal | Stored<Node> {
  const unready = notReady(snapshot);
  if (unready !== undefined) return unready;
  const stored = snapshot.nodes.get(node);
  if (stored === undefined) return notFound('node', node, 'node');
  return revokedNode('node', stored.record) ?? staleEtag(change, stored.revision) ?? stored;
}

/** @param besides nodes that are counted on as they are */
const rewriting = (stored: Stored<Node>, record: Node, besides: readonly Stored<Node>[] = []): Decision => ({
  compares: [stored, ...besides].map((each) => unchanged('node', each.record.id, each)),
  writes: [{ op: 'put', kind: 'node', id: record.id, record }],
});

/** Tunnels that are in use and may be at this PoP: those of its anycast group are. O(tunnels). */
function tunnelsAt(snapshot: Snapshot, popId: string): number {
  const popIds = new Set(carryingPops(snapshot, [popId]));
  let count = 0;
  for (const { record } of snapshot.tunnels.values()) {
    const { enabled, suspension, placement } = record;
    if (enabled && suspension === undefined && placement?.popIds.some((id) => popIds.has(id)) === true) count += 1;
  }
  return count;
}

/** Refuses `not-found`, `revoked`, `stale-etag`, `invalid` (reason), `already-exists` (drained), `in-use` (nobody else can carry its PoP). */
export function drainNode(
  snapshot: Snapshot,
  request: DrainNodeRequest,
  { principal, now }: CommandContext,
  { carries, relieved }: Carried,
): Refusal | Decided<DrainNodeResponse> {
  const stored = nodeToChange(snapshot, request);
  if (isRefusal(stored)) return stored;
  const { id, popId, drain } = stored.record;
  const fields = { field: 'node', value: id };
  const wrong = textField('reason', request.reason, 200);
  if (wrong !== undefined) return wrong;
  if (drain !== undefined) {
    const since = drain.at === undefined ? '' : ` since ${timestampDate(drain.at).toISOString()}`;
    return refuse('already-exists', { ...fields, problem: `is drained${since}`, cure: `pop44 node undrain ${id}` });
  }
  const silent = relieved || request.force ? 0 : tunnelsAt(snapshot, popId);
  if (silent > 0) {
    const tunnels = silent === 1 ? '1 tunnel falls' : `${silent} tunnels fall`;
    const problem = `has no other node of PoP ${popId} that can take over: ${tunnels} silent without it`;
    return refuse('in-use', { ...fields, problem, cure: 'a second node that is well, or --force' });
  }
  const node = clone(NodeSchema, stored.record);
  node.drain = create(DrainSchema, {
    ...{ at: timestampFromDate(now), by: principal, reason: request.reason },
    carried: carries && relieved,
  });
  // Two orders at one moment, for both nodes of a pair, each count on the other node.
  const others = request.force
    ? []
    : [...snapshot.nodes.values()].filter(({ record }) => record.popId === popId && record.id !== id);
  return { decision: rewriting(stored, node, others), response: create(DrainNodeResponseSchema, { node }) };
}

/** Refuses `not-found`, `revoked`, `stale-etag`, and `invalid` of one that is not drained. */
export function undrainNode(
  snapshot: Snapshot,
  request: UndrainNodeRequest,
  _context: CommandContext,
): Refusal | Decided<UndrainNodeResponse> {
  const stored = nodeToChange(snapshot, request);
  if (isRefusal(stored)) return stored;
  if (stored.record.drain === undefined) {
    const about = { field: 'node', value: request.node, problem: 'is not drained' };
    return refuse('invalid', { ...about, cure: 'a node that is, as pop44 node list shows them' });
  }
  const node = clone(NodeSchema, stored.record);
  delete node.drain;
  return { decision: rewriting(stored, node), response: create(UndrainNodeResponseSchema, { node }) };
}
