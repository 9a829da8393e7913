// Wires a change of the fabric's routing: while both stand, the mesh hears whether this node has all sessions of both.

import type { Clock } from '#internal/clock/clock.ts';
import { routingChange, routingsReady } from '#internal/desired/desired.ts';
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

/**
 * Sessions are established before they have told all their routes: 200,000, the most that a neighbour may send, take BIRD
 * about 2 s, here and at the far end.
 */
const settleMs = 5_000;

/** Ends by its signal. */
export async function tellRoutingChange(parts: RoutingChangeParts, signal: AbortSignal): Promise<void> {
  const { nodeId, snapshot, sessions, status, clock } = parts;
  let readySinceMs: number | undefined;
  while (!signal.aborted) {
    const found = await routingChange(snapshot(), nodeId, sessions).catch(
      (cause: unknown) => `waits for BIRD: ${messageOf(cause)}`,
    );
    readySinceMs = found === routingsReady ? (readySinceMs ?? clock.monotonicMs()) : undefined;
    const settles = readySinceMs !== undefined && clock.monotonicMs() - readySinceMs < settleMs;
    const now = settles ? 'settles' : found;
    if (status.own().routingChange !== now) status.update({ routingChange: now });
    await clock.sleep(lookMs, signal).catch(() => undefined);
  }
}
