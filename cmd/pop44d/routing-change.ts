// Wires a change of the fabric's routing: while both stand, the mesh hears whether this node has all sessions of both.

import type { Clock } from '#internal/clock/clock.ts';
import { routingChange } from '#internal/desired/desired.ts';
import { messageOf } from '#internal/errors/errors.ts';
import type { Snapshot } from '#internal/model/model.ts';
import type { Status } from '#internal/status/status.ts';

export interface RoutingChangeParts {
  readonly nodeId: string;
  readonly snapshot: () => Snapshot;
  /** Names of the sessions that stand. */
  readonly sessions: () => Promise<readonly string[]>;
  readonly status: Pick<Status, 'own' | 'update'>;
  readonly clock: Clock;
}

/** Milliseconds between looks; a look while nothing changes costs nothing. */
const lookMs = 500;

/** Ends by its signal. */
export async function tellRoutingChange(parts: RoutingChangeParts, signal: AbortSignal): Promise<void> {
  const { nodeId, snapshot, sessions, status, clock } = parts;
  while (!signal.aborted) {
    const now = await routingChange(snapshot(), nodeId, sessions).catch(
      (cause: unknown) => `waits for BIRD: ${messageOf(cause)}`,
    );
    if (status.own().routingChange !== now) status.update({ routingChange: now });
    await clock.sleep(lookMs, signal).catch(() => undefined);
  }
}
