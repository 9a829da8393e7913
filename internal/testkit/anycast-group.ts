// Anycast group: PoPs of a snapshot made to share the endpoint of the first of them.

import { clone, create, type MessageInitShape } from '@bufbuild/protobuf';
import { AnycastGroupSchema, PopSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { fold, type Snapshot } from '#internal/model/model.ts';
import type { RecordEvent } from '#internal/model/record.ts';

/** @param fields of the group's record, beside what its founder has */
export function grouped(
  from: Snapshot,
  popIds: readonly string[],
  fields: MessageInitShape<typeof AnycastGroupSchema> = {},
): Snapshot {
  const revision = from.revision + 1n;
  const members = popIds.map((id) => {
    const pop = from.pops.get(id)?.record;
    if (pop === undefined) throw new TypeError(id);
    return pop;
  });
  const { id: founderPopId, endpoint4, endpoint6, endpointPort, publicKey } = members[0] ?? create(PopSchema);
  const group = create(AnycastGroupSchema, {
    ...{ id: 'coast', founderPopId, endpoint4, endpoint6, endpointPort, publicKey },
    ...fields,
  });
  const events: RecordEvent[] = [{ kind: 'anycast', id: group.id, stored: { revision, record: group } }];
  for (const pop of members) {
    const record = Object.assign(clone(PopSchema, pop), { anycastGroupId: group.id });
    events.push({ kind: 'pop', id: pop.id, stored: { revision, record } });
  }
  return fold(from, { revision, relisted: false, events }).snapshot;
}
