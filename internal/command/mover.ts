// Mover: allocations of a pool that is drained go to another one, for the same holders.

import { clone, create } from '@bufbuild/protobuf';
import { timestampFromDate, timestampFromMs } from '@bufbuild/protobuf/wkt';
import { type Choice, choose } from '#internal/allocator/allocator.ts';
import { isRefusal, type Refusal } from '#internal/errors/errors.ts';
import {
  type Allocation,
  AllocationSchema,
  type Pool,
  type Tunnel,
  TunnelPrefixSchema,
  TunnelSchema,
} from '#internal/gen/pop44/store/v1/records_pb.ts';
import { type Move, MoveSchema } from '#internal/gen/pop44/v1/pools_pb.ts';
import { type Snapshot, slabId, slabLengthOfPool } from '#internal/model/model.ts';
import { prefixLength, supernet } from '#internal/netip/netip.ts';
import type { CommandContext } from './context.ts';
import type { Draft } from './draft.ts';
import type { Content } from './pool-contents.ts';
import { quarantineSecondsOf } from './quarantine.ts';

/** No tunnel uses it, or one that has it among its prefixes. Another one is a matter for the pool check. */
export function isMovable(snapshot: Snapshot, { stored: { record } }: Content<Allocation>): boolean {
  if (record.delegatedPoolId !== '') return false;
  if (record.tunnelId === '') return true;
  const tunnel = snapshot.tunnels.get(record.tunnelId)?.record;
  return tunnel?.prefixes.some(({ prefix, poolId }) => prefix === record.prefix && poolId === record.poolId) ?? false;
}

export interface Way {
  readonly from: Pool;
  readonly to: Pool;
}

/**
 * Puts moves into a draft that has the conditions of both pools already. Its owner's quota is not touched: what comes is
 * as large as what goes.
 */
export class Mover {
  readonly #snapshot: Snapshot;
  readonly #draft: Draft;
  readonly #way: Way;
  readonly #context: CommandContext;
  readonly #chosen: Choice[] = [];
  /** As they will stand: a tunnel may have several prefixes of the pool. */
  readonly #tunnels = new Map<string, Tunnel>();
  readonly moves: Move[] = [];

  constructor(snapshot: Snapshot, draft: Draft, way: Way, context: CommandContext) {
    this.#snapshot = snapshot;
    this.#draft = draft;
    this.#way = way;
    this.#context = context;
  }

  /** Wants isMovable. Undefined when it is moved; refuses as choose does, and the draft is as it was. */
  move(some: Content<Allocation>): Refusal | undefined {
    const { record: old } = some.stored;
    const { from, to } = this.#way;
    const { freeIndex, now, unseen } = this.#context;
    const choice = choose(this.#snapshot, freeIndex, {
      poolId: to.id,
      unitLength: prefixLength(some.prefix),
      homePopId: this.#homeOf(some),
      owner: old.owner,
      unseen,
      chosen: this.#chosen,
      field: 'to_pool',
    });
    if (isRefusal(choice)) return choice;
    this.#chosen.push(choice);
    const draft = this.#draft;
    draft.read('slab', choice.slabId, { revision: choice.slabRevision });
    if (choice.slabRevision === 0n) draft.write({ op: 'put', kind: 'slab', id: choice.slabId, record: choice.slab });
    draft.read('allocation', choice.allocationId, { revision: choice.allocationRevision });
    const record = clone(AllocationSchema, old);
    Object.assign(record, { poolId: to.id, prefix: choice.prefix, createdAt: timestampFromDate(now) });
    draft.write({ op: 'put', kind: 'allocation', id: choice.allocationId, record });
    this.#leave(some, from);
    if (old.tunnelId !== '') this.#renumber(old, choice);
    const { tunnelId, owner } = old;
    this.moves.push(create(MoveSchema, { fromPrefix: some.prefix, toPrefix: choice.prefix, tunnelId, owner }));
    return undefined;
  }

  /** Where a slab would be at home that is cut for it. */
  #homeOf({ stored: { record }, prefix }: Content<Allocation>): string {
    const tunnelHome = this.#snapshot.tunnels.get(record.tunnelId)?.record.placement?.popIds[0];
    const slab = supernet(prefix, slabLengthOfPool(record.poolId) ?? prefixLength(prefix));
    const slabHome = this.#snapshot.slabs.get(slabId(record.poolId, slab))?.record.homePopId;
    return tunnelHome ?? slabHome ?? this.#context.localPopId;
  }

  // In quarantine for nobody: its last owner was renumbered, and must not be given it back at the next request.
  #leave({ id, stored }: Content<Allocation>, from: Pool): void {
    this.#draft.read('allocation', id, stored);
    const seconds = quarantineSecondsOf(from);
    if (seconds === 0) {
      this.#draft.write({ op: 'delete', kind: 'allocation', id });
      return;
    }
    const quarantinedUntil = timestampFromMs(this.#context.now.getTime() + seconds * 1_000);
    const record = Object.assign(clone(AllocationSchema, stored.record), { owner: '', tunnelId: '', quarantinedUntil });
    this.#draft.write({ op: 'put', kind: 'allocation', id, record });
  }

  #renumber(old: Allocation, choice: Choice): void {
    const stored = this.#snapshot.tunnels.get(old.tunnelId);
    if (stored === undefined) return;
    const { to } = this.#way;
    // The stored message, so that fields of a newer daemon survive.
    const tunnel = this.#tunnels.get(old.tunnelId) ?? clone(TunnelSchema, stored.record);
    this.#tunnels.set(old.tunnelId, tunnel);
    const moved = create(TunnelPrefixSchema, {
      prefix: choice.prefix,
      poolId: to.id,
      realmId: to.realmId,
      homePopId: choice.slab.homePopId,
    });
    tunnel.prefixes = tunnel.prefixes.map((one) =>
      one.prefix === old.prefix && one.poolId === old.poolId ? moved : one,
    );
    this.#draft.read('tunnel', tunnel.id, stored);
    this.#draft.write({ op: 'put', kind: 'tunnel', id: tunnel.id, record: tunnel });
  }
}
