// Certificate alarms: whose certificate ends soon, of all nodes in force, as the records have it.

import { timestampDate } from '@bufbuild/protobuf/wkt';
import { alarmingFrom } from '#internal/identity/identity.ts';
import { nodesInForce, type Snapshot } from '#internal/model/model.ts';

/** Sorted by node. @param but the daemon's own, of which it knows itself */
export function certificateAlarms(snapshot: Snapshot, but: string, now: Date): readonly string[] {
  return nodesInForce(snapshot).flatMap(({ id }) => {
    const record = id === but ? undefined : snapshot.certificates.get(id)?.record;
    if (record?.notBefore === undefined || record.notAfter === undefined) return [];
    const life = { notBefore: timestampDate(record.notBefore), notAfter: timestampDate(record.notAfter) };
    if (alarmingFrom(life) > now) return [];
    return [`the certificate of node ${id} ends at ${life.notAfter.toISOString()}`];
  });
}
