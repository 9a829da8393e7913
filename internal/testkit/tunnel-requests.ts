// Tunnel requests: what a tunnel's commands are asked on the three PoPs, for tests that change one field.

import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  type CommandContext,
  createTunnel,
  deleteTunnel,
  findTunnel,
  updateTunnel,
} from '#internal/command/command.ts';
import { isRefusal } from '#internal/errors/errors.ts';
import {
  CreateTunnelRequestSchema,
  DeleteTunnelRequestSchema,
  UpdateTunnelRequestSchema,
} from '#internal/gen/pop44/v1/tunnels_pb.ts';
import { fold, peerKeyId, type Snapshot } from '#internal/model/model.ts';
import type { RecordEvent } from '#internal/model/record.ts';
import { commandContext } from './command-context.ts';
import { fabricEvents, testKey, threePops } from './three-pops.ts';

export const key = testKey(900);
export const pool4 = '4-2c1f0000-22';
export const pool6 = '6-20010db8004400000000000000000000-48';
export const with3 = threePops(3);
export const keyId = (n: number): string => peerKeyId(testKey(n) as never);

export const createIn = (
  snapshot: Snapshot,
  rest: MessageInitShape<typeof CreateTunnelRequestSchema> = {},
  context: Partial<CommandContext> = {},
) =>
  createTunnel(
    snapshot,
    create(CreateTunnelRequestSchema, { publicKey: key, ...rest }),
    commandContext(snapshot, context),
  );
export const updateIn = (snapshot: Snapshot, rest: MessageInitShape<typeof UpdateTunnelRequestSchema>) =>
  updateTunnel(snapshot, create(UpdateTunnelRequestSchema, { tunnel: 't1', ...rest }), commandContext(snapshot));
export const deleteIn = (snapshot: Snapshot, rest: MessageInitShape<typeof DeleteTunnelRequestSchema> = {}) =>
  deleteTunnel(snapshot, create(DeleteTunnelRequestSchema, { tunnel: 't1', ...rest }), commandContext(snapshot));
export const changed = (snapshot: Snapshot, ...events: readonly RecordEvent[]): Snapshot =>
  fold(snapshot, { revision: snapshot.revision + 1n, relisted: false, events }).snapshot;
/** The fabric with one record changed. */
export const altered = (kind: RecordEvent['kind'], id: string, fields: object): Snapshot => {
  const events = fabricEvents(2n).filter((event) => event.kind === kind && event.id === id);
  for (const { stored } of events) Object.assign(stored?.record ?? {}, fields);
  return changed(threePops(), ...events);
};

export const found = (snapshot: Snapshot, id = 't1') => {
  const stored = findTunnel(snapshot, id);
  if (isRefusal(stored)) throw new Error(stored.message);
  return stored;
};

export type Case = readonly [reason: string, outcome: unknown, message: string];
export const named = (cases: readonly Case[]) =>
  cases.map(([reason, outcome, message]) => ({ reason, outcome, message }));
