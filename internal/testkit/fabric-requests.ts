// Fabric requests: what would add a PoP, a node, an upstream or an interconnect to the three PoPs, for tests that change
// one field.

import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { createInterconnect, createNode, createPop, createUpstream } from '#internal/command/command.ts';
import { isRefusal } from '#internal/errors/errors.ts';
import {
  type NodeSchema,
  Plane,
  PopKind,
  type PopSchema,
  type UpstreamSchema,
} from '#internal/gen/pop44/store/v1/records_pb.ts';
import {
  CreateInterconnectRequestSchema,
  CreateNodeRequestSchema,
  CreatePopRequestSchema,
  CreateUpstreamRequestSchema,
} from '#internal/gen/pop44/v1/fabric_pb.ts';
import { fold, type Snapshot } from '#internal/model/model.ts';
import type { Decision } from '#internal/model/record.ts';
import { commandContext } from './command-context.ts';
import { testKey, threePops } from './three-pops.ts';

export const fabric = threePops();
export const context = commandContext(fabric);

export const popOf = (rest: MessageInitShape<typeof PopSchema> = {}, snapshot: Snapshot = fabric) =>
  createPop(
    snapshot,
    create(CreatePopRequestSchema, {
      pop: {
        id: 'p4',
        kind: PopKind.CORE,
        endpoint4: '198.18.200.4',
        endpointPort: 51820,
        publicKey: testKey(104),
        ...rest,
      },
    }),
    context,
  );
export const nodeOf = (rest: MessageInitShape<typeof NodeSchema> = {}, snapshot: Snapshot = fabric) =>
  createNode(
    snapshot,
    create(CreateNodeRequestSchema, {
      node: {
        id: 'p1b',
        popId: 'p1',
        asn: 4_200_000_011,
        loopback4: '198.18.210.11',
        loopback6: '2001:db8:1:f11::1',
        meshAddress: 'fd44:44::11',
        meshPublicKey: testKey(211),
        meshPort: 51844,
        underlay4: '198.18.1.3',
        interconnectPublicKey: testKey(311),
        apiPort: 4440,
        ...rest,
      },
    }),
    context,
  );
export const upstreamOf = (rest: MessageInitShape<typeof UpstreamSchema> = {}, snapshot: Snapshot = fabric) =>
  createUpstream(
    snapshot,
    create(CreateUpstreamRequestSchema, {
      upstream: { id: 'u9', nodeId: 'p1', plane: Plane.POP, neighbor4: '198.18.99.1', neighborAsn: 64500, ...rest },
    }),
    context,
  );
export const joinOf = (nodeA: string, nodeB: string, rest: object = {}, snapshot: Snapshot = unjoined) =>
  createInterconnect(snapshot, create(CreateInterconnectRequestSchema, { nodeA, nodeB, ...rest }), context);

export const gone = (...ids: readonly string[]) => ids.map((id) => ({ kind: 'interconnect', id }) as const);
/** Only p1 and p2 are joined: 172.30.0.0/31, fd44:0:0:1::/127, ports 51900. */
export const unjoined = fold(fabric, { revision: 9n, relisted: false, events: gone('p1-p3', 'p2-p3') }).snapshot;

export const decisionOf = (outcome: unknown): Decision => {
  if (isRefusal(outcome)) throw new Error(outcome.message);
  return (outcome as { readonly decision: Decision }).decision;
};
