// Json: any message of the schema as its protobuf JSON form.

import type { JsonValue, Message } from '@bufbuild/protobuf';
import { createRegistry, toJson } from '@bufbuild/protobuf';
import { file_pop44_store_v1_records } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { file_pop44_v1_allocations } from '#internal/gen/pop44/v1/allocations_pb.ts';
import { file_pop44_v1_audit } from '#internal/gen/pop44/v1/audit_pb.ts';
import { file_pop44_v1_desk } from '#internal/gen/pop44/v1/desk_pb.ts';
import { file_pop44_v1_explain } from '#internal/gen/pop44/v1/explain_pb.ts';
import { file_pop44_v1_fabric } from '#internal/gen/pop44/v1/fabric_pb.ts';
import { file_pop44_v1_people } from '#internal/gen/pop44/v1/people_pb.ts';
import { file_pop44_v1_pools } from '#internal/gen/pop44/v1/pools_pb.ts';
import { file_pop44_v1_reach } from '#internal/gen/pop44/v1/reach_pb.ts';
import { file_pop44_v1_status } from '#internal/gen/pop44/v1/status_pb.ts';
import { file_pop44_v1_trust } from '#internal/gen/pop44/v1/trust_pb.ts';
import { file_pop44_v1_tunnels } from '#internal/gen/pop44/v1/tunnels_pb.ts';

const registry = createRegistry(
  file_pop44_store_v1_records,
  file_pop44_v1_allocations,
  file_pop44_v1_audit,
  file_pop44_v1_desk,
  file_pop44_v1_explain,
  file_pop44_v1_fabric,
  file_pop44_v1_people,
  file_pop44_v1_pools,
  file_pop44_v1_reach,
  file_pop44_v1_status,
  file_pop44_v1_trust,
  file_pop44_v1_tunnels,
);

/** With fields that have their default too: a script asks `.tunnel.enabled` of a disabled one. */
export function jsonOf(message: Message): JsonValue {
  const schema = registry.getMessage(message.$typeName);
  if (schema === undefined) throw new TypeError(`${message.$typeName} is not in the schema`);
  return toJson(schema, message, { alwaysEmitImplicit: true });
}
