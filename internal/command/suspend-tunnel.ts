// Suspend tunnel: the abuse desk stops a tunnel, and lets it go on. It carries nothing meanwhile, whatever its owner
// asks for, and keeps its addresses and its key, so that nobody else is taken for it.

import { clone, create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { isRefusal, type Refusal, refuse } from '#internal/errors/errors.ts';
import { SuspensionSchema, type Tunnel, TunnelSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import {
  type SuspendTunnelRequest,
  type SuspendTunnelResponse,
  SuspendTunnelResponseSchema,
  type UnsuspendTunnelRequest,
  type UnsuspendTunnelResponse,
  UnsuspendTunnelResponseSchema,
} from '#internal/gen/pop44/v1/desk_pb.ts';
import type { Snapshot } from '#internal/model/model.ts';
import type { Decision, Stored } from '#internal/model/record.ts';
import { type CommandContext, type Decided, unchanged } from './context.ts';
import { reasonField } from './fields.ts';
import { tunnelToChange } from './tunnel-to-change.ts';
import { toTunnel } from './view.ts';

/** Why the owner may not have it back; undefined of one that is not suspended. */
export function suspended(tunnel: Tunnel): Refusal | undefined {
  if (tunnel.suspension === undefined) return undefined;
  const problem = `is suspended: ${tunnel.suspension.reason}`;
  return refuse('suspended', { field: 'tunnel', value: tunnel.name, problem, cure: 'pop44 tunnel unsuspend' });
}

/** One that is suspended already has the new reason from now on. Refuses `not-found`, `stale-etag`, `required`, `invalid`. */
export function suspendTunnel(
  snapshot: Snapshot,
  request: SuspendTunnelRequest,
  { principal, now }: CommandContext,
): Refusal | Decided<SuspendTunnelResponse> {
  const stored = tunnelToChange(snapshot, request);
  if (isRefusal(stored)) return stored;
  const refusal = reasonField('reason', request.reason);
  if (refusal !== undefined) return refusal;
  const tunnel = clone(TunnelSchema, stored.record);
  tunnel.suspension = create(SuspensionSchema, {
    reason: request.reason,
    at: timestampFromDate(now),
    by: principal,
  });
  const response = create(SuspendTunnelResponseSchema, { tunnel: toTunnel(snapshot, { record: tunnel }) });
  return { decision: rewriting(stored, tunnel), response };
}

/** Refuses `not-found`, `stale-etag`, and `invalid` of one that is not suspended. */
export function unsuspendTunnel(
  snapshot: Snapshot,
  request: UnsuspendTunnelRequest,
  _context: CommandContext,
): Refusal | Decided<UnsuspendTunnelResponse> {
  const stored = tunnelToChange(snapshot, request);
  if (isRefusal(stored)) return stored;
  if (stored.record.suspension === undefined) {
    const about = { field: 'tunnel', value: request.tunnel, problem: 'is not suspended' };
    return refuse('invalid', { ...about, cure: 'a tunnel that is, as tunnel list shows them' });
  }
  const tunnel = clone(TunnelSchema, stored.record);
  delete tunnel.suspension;
  const response = create(UnsuspendTunnelResponseSchema, { tunnel: toTunnel(snapshot, { record: tunnel }) });
  return { decision: rewriting(stored, tunnel), response };
}

function rewriting(stored: Stored<Tunnel>, record: Tunnel): Decision {
  const { id } = record;
  return { compares: [unchanged('tunnel', id, stored)], writes: [{ op: 'put', kind: 'tunnel', id, record }] };
}
