// Blackholes: an address under attack is given up for a while, so that what is sent to it does not drown the others.

import { create } from '@bufbuild/protobuf';
import { timestampFromDate, timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import { isRefusal, type Refusal, refuse } from '#internal/errors/errors.ts';
import { BlackholeSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import {
  type CreateBlackholeRequest,
  type CreateBlackholeResponse,
  CreateBlackholeResponseSchema,
  type DeleteBlackholeRequest,
  type DeleteBlackholeResponse,
  DeleteBlackholeResponseSchema,
} from '#internal/gen/pop44/v1/desk_pb.ts';
import { blackholeId, type Snapshot, standingPools } from '#internal/model/model.ts';
import type { Decision } from '#internal/model/record.ts';
import { contains, hostPrefix, type Prefix } from '#internal/netip/netip.ts';
import { type CommandContext, type Decided, notReady, staleEtag, unchanged } from './context.ts';
import { Draft } from './draft.ts';
import { addressField, exists, Form, rangeField, reasonField } from './fields.ts';

/** Longer than any attack; what is to stay is said without a time. */
const longestSeconds = 30 * 86_400;
/** BIRD configures in O(text); a table of this size is read in milliseconds. An attack on more is one on the pool. */
const mostBlackholes = 1_000;
// etcd takes 128 operations a transaction; audit, operation and fence are among them.
const mostEnded = 60;

/** Whether upstreams hear of it: it is inside a root pool of the realm internet. O(pools). */
function isAnnounced(snapshot: Snapshot, prefix: Prefix): boolean {
  for (const [id, around] of standingPools(snapshot)) {
    const pool = snapshot.pools.get(id)?.record;
    if (pool?.parentPoolId === '' && pool.realmId === 'internet' && contains(around, prefix)) return true;
  }
  return false;
}

/** Refuses `required`, `invalid`, `outside-pool`, `already-exists`. */
export function createBlackhole(
  snapshot: Snapshot,
  request: CreateBlackholeRequest,
  { principal, now }: CommandContext,
): Refusal | Decided<CreateBlackholeResponse> {
  const form = new Form();
  form.check(notReady(snapshot));
  const address = form.take(addressField('address', request.address));
  form.check(reasonField('reason', request.reason));
  form.check(rangeField('seconds', request.seconds, 0, longestSeconds));
  if (form.refusal !== undefined) return form.refusal;
  const prefix = hostPrefix(address);
  if (!isAnnounced(snapshot, prefix)) {
    const cure = 'an address inside one, as pool list shows them';
    const problem = 'is in no pool of the realm internet';
    return refuse('outside-pool', { field: 'address', value: address, problem, cure });
  }
  const id = blackholeId(prefix);
  if (snapshot.blackholes.has(id)) {
    return exists('address', address, 'has a blackhole already', 'delete that first, to give it another time');
  }
  if (snapshot.blackholes.size >= mostBlackholes) {
    const problem = `there are ${mostBlackholes} blackholes already`;
    return refuse('quota-exceeded', { field: 'address', value: address, problem, cure: 'delete some' });
  }
  const record = create(BlackholeSchema, {
    ...{ prefix, reason: request.reason, by: principal },
    createdAt: timestampFromDate(now),
    ...(request.seconds > 0 && { expiresAt: timestampFromMs(now.getTime() + request.seconds * 1_000) }),
  });
  return {
    decision: {
      compares: [unchanged('blackhole', id, undefined)],
      writes: [{ op: 'put', kind: 'blackhole', id, record }],
    },
    response: create(CreateBlackholeResponseSchema, { blackhole: record }),
  };
}

/** Refuses `required`, `invalid`, `not-found`, `stale-etag`. */
export function deleteBlackhole(
  snapshot: Snapshot,
  request: DeleteBlackholeRequest,
  _context: CommandContext,
): Refusal | Decided<DeleteBlackholeResponse> {
  const unready = notReady(snapshot);
  if (unready !== undefined) return unready;
  const address = addressField('address', request.address);
  if (isRefusal(address)) return address;
  const id = blackholeId(hostPrefix(address));
  const stored = snapshot.blackholes.get(id);
  if (stored === undefined) {
    const cure = 'one that has, as blackhole list shows them';
    return refuse('not-found', { field: 'address', value: address, problem: 'has no blackhole', cure });
  }
  const stale = staleEtag(request.change, stored.revision);
  if (stale !== undefined) return stale;
  return {
    decision: {
      compares: [unchanged('blackhole', id, stored)],
      writes: [{ op: 'delete', kind: 'blackhole', id }],
    },
    response: create(DeleteBlackholeResponseSchema),
  };
}

/** Ends those whose time is over; undefined when there are none. O(blackholes). */
export function sweepBlackholes(snapshot: Snapshot, now: Date): Decision | undefined {
  const draft = new Draft();
  let due = 0;
  for (const [id, stored] of snapshot.blackholes) {
    const { expiresAt } = stored.record;
    if (due === mostEnded) break;
    if (expiresAt === undefined || timestampMs(expiresAt) > now.getTime()) continue;
    draft.read('blackhole', id, stored);
    draft.write({ op: 'delete', kind: 'blackhole', id });
    due += 1;
  }
  return due === 0 ? undefined : draft.decision();
}
