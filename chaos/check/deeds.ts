// Deeds: the steps that stories are told in, each a request that was made, carried out and answered.

import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  AllocationSchema,
  PoolSchema,
  ReservationSchema,
  SlabSchema,
} from '#internal/gen/pop44/store/v1/records_pb.ts';
import { poolId, slabLengthOf } from '#internal/model/model.ts';
import type { Write } from '#internal/model/record.ts';
import { firstHex, type Prefix, parsePrefix, prefixLength, supernet } from '#internal/netip/netip.ts';
import type { Committed, Story } from './story.ts';

export type More = Partial<Omit<Committed, 'writes'>>;

const prefix = (text: string): Prefix => {
  const parsed = parsePrefix(text);
  if (typeof parsed !== 'string') throw new RangeError(text);
  return parsed;
};

export const idIn = (pool: string, text: string): string => `${pool}/${firstHex(prefix(text))}`;

export interface Deeds {
  pool(text: string, quarantineSeconds?: number): string;
  putPool(id: string, change: object): void;
  allocationWrite(pool: string, text: string, fields: object): Write;
  slabWrite(pool: string, text: string, unitLength: number, fields?: object): Write;
  /** Of a prefix by name; gives the request id. */
  allocate(owner: string, pool: string, text: string, more?: More): string;
  release(owner: string, pool: string, text: string, seconds: number): string;
  sweep(pool: string, text: string): void;
  reserve(pool: string, text: string, owner: string): void;
}

export function deedsOf(story: Story): Deeds {
  let requests = 0;
  const next = (): string => `r${(requests += 1)}`;

  const allocationWrite = (pool: string, text: string, fields: object): Write => ({
    op: 'put',
    kind: 'allocation',
    id: idIn(pool, text),
    record: create(AllocationSchema, {
      poolId: pool,
      prefix: text,
      createdAt: timestampFromMs(story.atMs),
      ...fields,
    }),
  });
  const slabWrite = (pool: string, text: string, unitLength: number, fields: object = {}): Write => ({
    op: 'put',
    kind: 'slab',
    id: idIn(pool, text),
    record: create(SlabSchema, { poolId: pool, prefix: text, unitLength, homePopId: 'pop1', ...fields }),
  });
  const poolWrite = (id: string, fields: object): Write => ({
    op: 'put',
    kind: 'pool',
    id,
    record: create(PoolSchema, { id, realmId: 'internet', ...fields }),
  });
  const slabAround = (pool: string, text: string): Prefix => {
    const length = story.state().of('pool').get(pool)?.record.slabLength ?? 24;
    return supernet(prefix(text), Math.min(length, prefixLength(prefix(text))));
  };

  return {
    allocationWrite,
    slabWrite,
    pool(text, quarantineSeconds = 86_400) {
      const id = poolId(prefix(text));
      const fields = { prefix: text, slabLength: slabLengthOf(prefix(text)), quarantineSeconds };
      const request = next();
      story.commit({ request, writes: [poolWrite(id, fields)] });
      story.attempt({ request, kind: 'create-pool', given: [`pool/${id}`] });
      return id;
    },
    putPool(id, change) {
      const record = story.state().of('pool').get(id)?.record;
      const request = next();
      story.commit({ request, writes: [poolWrite(id, { ...record, ...change })] });
      story.attempt({ request, kind: 'update-pool', given: [`pool/${id}`] });
    },
    allocate(owner, pool, text, more = {}) {
      const request = more.request ?? next();
      const around = slabAround(pool, text);
      const cut = story.state().of('slab').has(idIn(pool, around));
      const slabs = cut ? [] : [slabWrite(pool, around, prefixLength(prefix(text)))];
      story.commit({ ...more, request, writes: [...slabs, allocationWrite(pool, text, { owner })] });
      story.attempt({ request, kind: 'allocate', owner, given: [`allocation/${idIn(pool, text)}`] });
      return request;
    },
    release(owner, pool, text, seconds) {
      const request = next();
      const quarantinedUntil = timestampFromMs(story.atMs + seconds * 1000);
      const id = idIn(pool, text);
      const write: Write =
        seconds === 0
          ? { op: 'delete', kind: 'allocation', id }
          : allocationWrite(pool, text, { owner, quarantinedUntil });
      story.commit({ request, writes: [write] });
      story.attempt({ request, kind: 'release', owner, takes: [`allocation/${id}`] });
      return request;
    },
    sweep(pool, text) {
      const writes: readonly Write[] = [{ op: 'delete', kind: 'allocation', id: idIn(pool, text) }];
      story.commit({ request: '', writes, principal: 'node/p1', withoutOperation: true });
    },
    reserve(pool, text, owner) {
      const request = next();
      const id = `${idIn(pool, text)}-${prefixLength(prefix(text))}`;
      const record = create(ReservationSchema, { poolId: pool, prefix: text, owner });
      story.commit({ request, writes: [{ op: 'put', kind: 'reservation', id, record }] });
      story.attempt({ request, kind: 'create-reservation', given: [`reservation/${id}`] });
    },
  };
}
