// Carrier: the open flows of a tunnel go along when it moves to another node: what its client only listens to goes on there
// through a firewall that lets replies in alone.

import type { Clock } from '#internal/clock/clock.ts';
import type { Flow } from '#internal/dataplane/dataplane.ts';
import type { Log } from '#internal/log/log.ts';
import type { Mesh } from '#internal/mesh/mesh.ts';
import { type Snapshot, standingPrefixes } from '#internal/model/model.ts';
import { longestOf, type Prefix, parseAddress, parsePrefix } from '#internal/netip/netip.ts';
import type { Claim } from '#internal/presence/presence.ts';
import { createFlowsAsker, type FromDataplane, type FromNetwork } from '#internal/seam/seam.ts';
import { createOpenFlows } from './open-flows.ts';

export interface CarrierParts {
  readonly nodeId: string;
  readonly snapshot: () => Snapshot;
  readonly presence: {
    claimOf(tunnelId: string): Claim | undefined;
    cameFrom(tunnelId: string): string | undefined;
  };
  readonly mesh: () => Pick<Mesh, 'carry'>;
  readonly send: (message: FromNetwork) => void;
  readonly clock: Clock;
  readonly log: Pick<Log, 'info' | 'warn'>;
}

export interface Carrier {
  /** A tunnel that was here is another node's. */
  left(tunnelId: string, to: string): void;
  /** From a node that a tunnel has left. Gives whether its flows are taken. */
  carried(from: string, tunnelId: string, flows: readonly Flow[]): boolean;
  /** What is open of a tunnel that is held here. */
  open(tunnelId: string): Promise<readonly Flow[]>;
  /** Flows of a tunnel that is about to come, as the node that holds it has told. */
  ahead(tunnelId: string, from: string, flows: readonly Flow[]): void;
  /** From the privileged half. */
  heard(message: FromDataplane): void;
  lost(): void;
  /** The tunnel is gone. */
  forget(tunnelId: string): void;
}

/** Tunnels whose flows are on their way to other nodes at one time. */
const mostAtOnce = 64;
/** News of a move come by a stream of their own, and may be later than what is told here. */
const retryMs = 250;
/** A peer that was sent to for longer without an answer takes the connection for broken, or has repeated itself often enough. */
const patienceMs = 5_000;

export function createCarrier(parts: CarrierParts, signal: AbortSignal): Carrier {
  const { nodeId, snapshot, presence, mesh, send, clock, log } = parts;
  const asker = createFlowsAsker(send);
  const leaving = new Map<string, string>();
  /** By which of its moves a tunnel's flows were taken; once for each, or one that held it could go on opening ways in. */
  const taken = new Map<string, number>();
  let busy = false;

  const prefixesOf = (tunnelId: string): readonly Prefix[] => {
    const record = snapshot().tunnels.get(tunnelId)?.record;
    if (record === undefined) return [];
    return standingPrefixes(snapshot(), record)
      .map(({ prefix }) => parsePrefix(prefix))
      .filter((prefix) => typeof prefix === 'string');
  };
  const openOf = createOpenFlows(prefixesOf, asker.ask);

  async function deliver(tunnelId: string, to: string, flows: readonly Flow[]): Promise<void> {
    const untilMs = clock.monotonicMs() + patienceMs;
    while (!signal.aborted && presence.claimOf(tunnelId)?.nodeId === to) {
      const done = await mesh()
        .carry(to, tunnelId, flows, signal)
        .catch(() => false);
      if (done) return log.info('flows-carried', { tunnel: tunnelId, to, flows: flows.length });
      if (clock.monotonicMs() > untilMs)
        return log.warn('flows-not-carried', { tunnel: tunnelId, to, flows: flows.length });
      await clock.sleep(retryMs, signal).catch(() => undefined);
    }
  }

  async function carryOver(batch: ReadonlyMap<string, string>): Promise<void> {
    const leavers = [...batch];
    const open = await Promise.all(leavers.map(([tunnelId]) => openOf(tunnelId)));
    await Promise.all(
      leavers.map(async ([tunnelId, to], at) => {
        const flows = open[at] ?? [];
        if (flows.length > 0) await deliver(tunnelId, to, flows);
      }),
    );
  }

  async function work(): Promise<void> {
    while (leaving.size > 0 && !signal.aborted) {
      const batch = new Map([...leaving].slice(0, mostAtOnce));
      for (const tunnelId of batch.keys()) leaving.delete(tunnelId);
      await carryOver(batch).catch((cause: unknown) => log.warn('flows-unread', { reason: String(cause) }));
    }
    // In the turn that has found nobody left: who leaves in a later one finds nobody at work.
    busy = false;
  }

  /** What one end of is in the tunnel's prefixes goes into the kernel here; the other node is a machine of its own. */
  function take(tunnelId: string, from: string, flows: readonly Flow[]): void {
    const find = longestOf(prefixesOf(tunnelId));
    const own = flows.filter(({ from: begin, to: end }) =>
      [begin, end].map(parseAddress).some((each) => typeof each === 'string' && find(each) !== undefined),
    );
    if (own.length < flows.length)
      log.warn('flows-of-others', { tunnel: tunnelId, from, flows: flows.length - own.length });
    if (own.length > 0) send({ type: 'carry-flows', flows: own });
  }

  return {
    open: openOf,
    ahead: take,
    left: (tunnelId, to) => {
      leaving.set(tunnelId, to);
      if (busy) return;
      busy = true;
      // Those that leave by the same news go together.
      void Promise.resolve().then(work);
    },
    carried: (from, tunnelId, flows) => {
      const claim = presence.claimOf(tunnelId);
      if (claim?.nodeId !== nodeId || presence.cameFrom(tunnelId) !== from) return false;
      if (taken.get(tunnelId) === claim.sequence) return false;
      taken.set(tunnelId, claim.sequence);
      take(tunnelId, from, flows);
      return true;
    },
    heard: (message) => {
      if (message.type === 'open-flows') asker.told(message);
    },
    lost: asker.lost,
    forget: (tunnelId) => {
      leaving.delete(tunnelId);
      taken.delete(tunnelId);
    },
  };
}
