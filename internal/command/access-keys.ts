// Access keys: which record has the keys of a PoP, its own or that of its anycast group, and how they are changed there.

import { clone } from '@bufbuild/protobuf';
import { AnycastGroupSchema, type Pop, PopSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { groupOf, type Snapshot, servedPop } from '#internal/model/model.ts';
import type { Decision, Stored } from '#internal/model/record.ts';
import { alone, unchanged } from './context.ts';

/** What PoPs and groups have alike. */
export type Keys = Pick<
  Pop,
  'publicKey' | 'endpointPort' | 'sealedAccessKey' | 'accessKeyGeneration' | 'nextAccessKey'
>;

export const keysOf = ({
  publicKey,
  endpointPort,
  sealedAccessKey,
  accessKeyGeneration,
  nextAccessKey,
}: Keys): Keys => ({
  ...{ publicKey, endpointPort, sealedAccessKey, accessKeyGeneration },
  ...(nextAccessKey && { nextAccessKey }),
});

const groupHaving = (snapshot: Snapshot, { record }: Stored<Pop>) =>
  snapshot.anycasts.get(groupOf(snapshot, record)?.id ?? '');

/** Of the record that has them. */
export const keyRevision = (snapshot: Snapshot, stored: Stored<Pop>): bigint =>
  (groupHaving(snapshot, stored) ?? stored).revision;

/** @param record is changed; a next key that is not in `keys` is there no more */
function having<R extends Keys>(record: R, keys: Keys): R {
  delete record.nextAccessKey;
  return Object.assign(record, keys);
}

/** Writes them where they are, and gives the PoP as its clients meet it then. */
export function withKeys(
  snapshot: Snapshot,
  stored: Stored<Pop>,
  keys: Keys,
): { readonly decision: Decision; readonly pop: Pop } {
  // Nodes that join, and interconnects that take a port, rewrite the network record too: of two at once one is decided anew.
  const { compares, writes } = alone(snapshot);
  const { id } = stored.record;
  const read = [...compares, unchanged('pop', id, stored)];
  const pop = having(clone(PopSchema, servedPop(snapshot, stored.record)), keys);
  const group = groupHaving(snapshot, stored);
  if (group === undefined)
    return { pop, decision: { compares: read, writes: [...writes, { op: 'put', kind: 'pop', id, record: pop }] } };
  const record = having(clone(AnycastGroupSchema, group.record), keys);
  return {
    pop,
    decision: {
      compares: [...read, unchanged('anycast', record.id, group)],
      writes: [...writes, { op: 'put', kind: 'anycast', id: record.id, record }],
    },
  };
}
