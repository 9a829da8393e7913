// Tunnel to change: the one that a request means, when it may be changed.

import { isRefusal, type Refusal } from '#internal/errors/errors.ts';
import type { Tunnel } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { Change } from '#internal/gen/pop44/v1/common_pb.ts';
import type { Snapshot } from '#internal/model/model.ts';
import type { Stored } from '#internal/model/record.ts';
import { notReady, staleEtag } from './context.ts';
import { findTunnel } from './find.ts';

/** Refuses `not-ready`, and what findTunnel and staleEtag refuse. */
export function tunnelToChange(
  snapshot: Snapshot,
  request: { readonly tunnel: string; readonly change?: Change | undefined },
): Refusal | Stored<Tunnel> {
  const unready = notReady(snapshot);
  if (unready !== undefined) return unready;
  const stored = findTunnel(snapshot, request.tunnel);
  if (isRefusal(stored)) return stored;
  return staleEtag(request.change, stored.revision) ?? stored;
}
