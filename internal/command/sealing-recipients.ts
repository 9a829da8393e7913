// Sealing recipients: who has to be able to open a tunnel's pre-shared key.

import { create } from '@bufbuild/protobuf';
import { isRefusal, type Refusal } from '#internal/errors/errors.ts';
import type { Tunnel } from '#internal/gen/pop44/store/v1/records_pb.ts';
import {
  type GetSealingRecipientsRequest,
  type GetSealingRecipientsResponse,
  GetSealingRecipientsResponseSchema,
} from '#internal/gen/pop44/v1/tunnels_pb.ts';
import { carryingPops, type Snapshot } from '#internal/model/model.ts';
import { notReady } from './context.ts';
import { findTunnel } from './find.ts';
import { placement } from './placement.ts';
import { hasKeys, nodesOfPops, recipientsOf } from './sealed.ts';

/** Refuses `not-ready` (no network, or a node without sealing key), and what findTunnel and placement refuse. */
export function sealingRecipients(
  snapshot: Snapshot,
  request: GetSealingRecipientsRequest,
  localPopId: string,
): GetSealingRecipientsResponse | Refusal {
  const unready = notReady(snapshot);
  if (unready !== undefined) return unready;
  const popIds = request.tunnel === '' ? placement(snapshot, request, { localPopId }) : placedOn(snapshot, request);
  if (isRefusal(popIds)) return popIds;
  const recipients = recipientsOf(nodesOfPops(snapshot, popIds));
  return isRefusal(recipients) ? recipients : create(GetSealingRecipientsResponseSchema, { recipients });
}

function placedOn(snapshot: Snapshot, { tunnel }: GetSealingRecipientsRequest): readonly string[] | Refusal {
  const stored = findTunnel(snapshot, tunnel);
  return isRefusal(stored) ? stored : carryingPops(snapshot, stored.record.placement?.popIds ?? []);
}

/** Nodes of a tunnel's placement that its pre-shared key was not sealed to; none for a tunnel without one. */
export function nodesWithoutPresharedKey(snapshot: Snapshot, tunnel: Tunnel): readonly string[] {
  const sealed = tunnel.sealedPresharedKey;
  if (!hasKeys(sealed)) return [];
  return nodesOfPops(snapshot, carryingPops(snapshot, tunnel.placement?.popIds ?? []))
    .map(({ id }) => id)
    .filter((id) => !Object.hasOwn(sealed, id));
}
