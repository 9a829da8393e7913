// Network: the first command of all.

import { create } from '@bufbuild/protobuf';
import { type Refusal, refuse } from '#internal/errors/errors.ts';
import { NetworkSchema, RealmSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import {
  type CreateNetworkRequest,
  type CreateNetworkResponse,
  CreateNetworkResponseSchema,
} from '#internal/gen/pop44/v1/fabric_pb.ts';
import { networkId, type Snapshot } from '#internal/model/model.ts';
import type { Write } from '#internal/model/record.ts';
import { type CommandContext, type Decided, unchanged } from './context.ts';
import { exists, textField } from './fields.ts';

/** The realm that pools and tunnels belong to when nobody says otherwise. */
export const internetRealmId = 'internet';
/** Its kernel routing table; 4400 is the transport namespace's. */
const internetTable = 4401;

/** Creates the network record and the realm "internet". Refuses `already-exists`, `required`, `invalid`. */
export function createNetwork(
  snapshot: Snapshot,
  request: CreateNetworkRequest,
  context: CommandContext,
): Refusal | Decided<CreateNetworkResponse> {
  const field = 'network.name';
  if (request.name === '') return refuse('required', { field, problem: 'is missing', cure: 'a name for people' });
  const refusal = textField(field, request.name, 64);
  if (refusal !== undefined) return refusal;
  if (snapshot.network !== undefined) {
    return exists('network', snapshot.network.record.name, 'exists already', 'one etcd holds one network');
  }
  const network = create(NetworkSchema, {
    id: networkId,
    uid: context.newId(),
    name: request.name,
    minReaderVersion: 1,
    allowDocumentationSpace: request.allowDocumentationSpace,
  });
  const writes: Write[] = [{ op: 'put', kind: 'network', id: networkId, record: network }];
  const realm = snapshot.realms.get(internetRealmId);
  // A realm without a network is what a partly restored etcd holds: its record stays.
  if (realm === undefined) {
    const record = create(RealmSchema, {
      id: internetRealmId,
      description: 'The internet',
      table: internetTable,
      transit: true,
    });
    writes.push({ op: 'put', kind: 'realm', id: internetRealmId, record });
  }
  const compares = [unchanged('network', networkId, undefined), unchanged('realm', internetRealmId, realm)];
  return { decision: { compares, writes }, response: create(CreateNetworkResponseSchema, { network }) };
}
