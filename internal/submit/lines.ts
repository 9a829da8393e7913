// Lines: a decision as a person reads it in a dry run.

import { createRegistry, toJsonString } from '@bufbuild/protobuf';
import { file_pop44_store_v1_records } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { Decision, Write } from '#internal/model/record.ts';

const registry = createRegistry(file_pop44_store_v1_records);

function line(write: Write): string {
  if (write.op === 'delete') return `delete ${write.kind}/${write.id}`;
  const schema = registry.getMessage(write.record.$typeName);
  if (schema === undefined) throw new TypeError(`${write.record.$typeName} is no record`);
  return `put ${write.kind}/${write.id} ${toJsonString(schema, write.record)}`;
}

/** One line a write, in the decision's order. Records hold no secrets in clear. */
export function decisionLines(decision: Decision): string[] {
  return decision.writes.map(line);
}
