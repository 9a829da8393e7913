// Wires presence: handshakes and the mesh decide which node holds each tunnel, and who has lost one lets it go.

import type { Stay } from '#internal/api/api.ts';
import type { Clock } from '#internal/clock/clock.ts';
import type { Flow } from '#internal/dataplane/dataplane.ts';
import { shareEndpoint, siblingOfNode } from '#internal/desired/desired.ts';
import type { Log } from '#internal/log/log.ts';
import type { Mesh } from '#internal/mesh/mesh.ts';
import { inForce, type Snapshot } from '#internal/model/model.ts';
import {
  type Claim,
  type Contest,
  createContests,
  createPresence,
  type Held,
  type Sighting,
} from '#internal/presence/presence.ts';
import { createContactAsker, type FromDataplane, type FromNetwork } from '#internal/seam/seam.ts';
import { isHeard, type Status } from '#internal/status/status.ts';
import { createCarrier } from './carrier.ts';
import { mayHold } from './credible.ts';

export interface RoamingParts {
  readonly nodeId: string;
  readonly snapshot: () => Snapshot;
  readonly mesh: () => Pick<Mesh, 'tell' | 'ask' | 'carry'>;
  readonly status: Pick<Status, 'of' | 'own'>;
  readonly moved: (here: Held, moved: readonly string[]) => void;
  readonly send: (message: FromNetwork) => void;
  readonly clock: Clock;
  readonly log: Pick<Log, 'info' | 'warn'>;
}

export interface Roaming {
  /** For the mesh. */
  all(): readonly Claim[];
  told(peer: string, claims: readonly Claim[]): readonly Claim[];
  asked(peer: string, contests: readonly Contest[]): void;
  carried(peer: string, tunnelId: string, flows: readonly Flow[]): boolean;
  open(peer: string, tunnelId: string): Promise<readonly Flow[]>;
  /** What a node that holds a tunnel has open of it, which is about to come here. */
  ahead(tunnelId: string, from: string, flows: readonly Flow[]): void;
  /** Handshakes on the own access interfaces. */
  seen(sightings: readonly Sighting[]): void;
  /** From the privileged half. */
  heard(message: FromDataplane): void;
  lost(): void;
  /** Twice a second. */
  beat(): void;
  /** The tunnel is gone. */
  forget(tunnelId: string): void;
  holderOf(tunnelId: string): string | undefined;
  stayOf(tunnelId: string): Stay;
  /** What a person has to know of this node's tunnels, a line each. */
  alarms(): readonly string[];
}

/** What is on its way to the node that a client has left may still come; then nobody is called from there any more. */
const lingerMs = 3_000;
/** In one line of alarms. */
const toldTunnels = 10;

export function createRoaming(parts: RoamingParts, signal: AbortSignal): Roaming {
  const { nodeId, snapshot, mesh, status, moved, send, clock, log } = parts;
  const asker = createContactAsker(send);
  const nowMs = (): number => clock.wall().getTime();
  /** Of contests, which are told by silence: a clock that is set meanwhile is none. */
  const pastMs = (): number => clock.monotonicMs();
  const isSibling = (id: string): boolean => siblingOfNode(snapshot(), nodeId) === id;
  const together = (id: string, other: string): boolean => shareEndpoint(snapshot(), id, other);
  const credible = (id: string, tunnelId: string): boolean => mayHold(snapshot(), id, tunnelId, status.own().stale);
  let ticking = false;
  // Not yet: whoever makes the snapshot is made after this.
  let nodes: Snapshot['nodes'] | undefined;

  const keysOf = (tunnelId: string): readonly string[] => {
    const record = snapshot().tunnels.get(tunnelId)?.record;
    return record === undefined ? [] : [record.publicKey, record.nextPublicKey].filter((key) => key !== '');
  };

  /** When each was lost, the first first. */
  const leaving = new Map<string, number>();

  /**
   * A peer without an endpoint is not called: one that is answers, and its client hears two nodes. A client that has shaken
   * hands here since is not forgotten: it has come back, and would need 15 s to see that its session is gone.
   */
  function letGo(): void {
    const gone: (readonly [string, number])[] = [];
    for (const [tunnelId, leftMs] of leaving) {
      if (nowMs() - leftMs < lingerMs) break;
      leaving.delete(tunnelId);
      if (!presence.here().has(tunnelId)) gone.push(...keysOf(tunnelId).map((key) => [key, leftMs] as const));
    }
    if (gone.length > 0) send({ type: 'forget', peers: gone });
  }

  const presence = createPresence({
    nodeId,
    isSibling,
    together,
    onMove: moved,
    onLost: (tunnelId, to) => {
      // A sibling that is not active is fenced, and forgets all of them when it becomes so. All of them go at once.
      if (isSibling(to)) return;
      log.info('tunnel-left', { tunnel: tunnelId, to });
      carrier.left(tunnelId, to);
      leaving.delete(tunnelId);
      leaving.set(tunnelId, nowMs());
    },
    onContest: (tunnelId) => contests.begin(tunnelId, pastMs()),
  });
  const carrier = createCarrier({ nodeId, snapshot, presence, mesh, send, clock, log }, signal);
  const holderOf = (tunnelId: string): string | undefined => presence.claimOf(tunnelId)?.nodeId;
  const contests = createContests({
    nodeId,
    holderOf,
    heard: (id) => {
      const of = status.of(id);
      return of !== undefined && isHeard(of, clock.wall());
    },
    frozen: (tunnelId) => presence.frozenUntilMs(tunnelId, nowMs()) !== undefined,
  });

  /** One that was taken out of the records may have counted as high as it liked. */
  function lookAtNodes(): void {
    const before = nodes;
    nodes = snapshot().nodes;
    if (before === undefined || nodes === before) return;
    for (const [id, { record }] of before) {
      const now = nodes.get(id)?.record;
      if (id !== nodeId && inForce(record) && (now === undefined || !inForce(now))) presence.gone(id);
    }
  }

  async function tick(wanted: readonly string[]): Promise<void> {
    const keys = new Map(wanted.map((tunnelId) => [tunnelId, keysOf(tunnelId)]));
    // Without an answer nothing is known of what is heard: others must not wait for that.
    const bytes = await asker.ask([...keys.values()].flat()).catch(() => new Map<string, number>());
    const received = new Map<string, number>();
    for (const [tunnelId, of] of keys) {
      const counted = of.flatMap((key) => bytes.get(key) ?? []);
      if (counted.length > 0)
        received.set(
          tunnelId,
          counted.reduce((sum, each) => sum + each, 0),
        );
    }
    const { asks, given, taken } = contests.tick(received, pastMs());
    mesh().ask(asks);
    for (const { tunnelId, nodeId: to } of given) mesh().tell(presence.move(tunnelId, to, nowMs()));
    for (const tunnelId of taken) mesh().tell(presence.move(tunnelId, nodeId, nowMs()));
  }

  return {
    all: presence.all,
    told: (peer, claims) => {
      nodes ??= snapshot().nodes;
      const taken = claims.filter(({ nodeId: holder, tunnelId }) => credible(holder, tunnelId));
      return presence.told(peer, taken, nowMs());
    },
    asked: (peer, asked) => {
      const taken = asked.filter(({ tunnelId }) => credible(peer, tunnelId));
      contests.asked(peer, taken, pastMs());
    },
    carried: (peer, tunnelId, flows) => credible(peer, tunnelId) && carrier.carried(peer, tunnelId, flows),
    // Whoever shares the endpoint may have the tunnel at any moment, and hears of no other one's flows.
    open: async (peer, tunnelId) =>
      together(peer, nodeId) && presence.here().has(tunnelId) && credible(peer, tunnelId) ? carrier.open(tunnelId) : [],
    ahead: (tunnelId, from, flows) => carrier.ahead(tunnelId, from, flows),
    seen: (sightings) => mesh().tell(presence.seen(sightings, nowMs())),
    heard: (message) => {
      if (message.type === 'contact') asker.told(message);
      carrier.heard(message);
    },
    lost: () => {
      asker.lost();
      carrier.lost();
    },
    beat: () => {
      lookAtNodes();
      letGo();
      const wanted = ticking ? [] : contests.wanted(pastMs());
      if (wanted.length === 0) return;
      ticking = true;
      tick(wanted)
        .catch((cause: unknown) => log.warn('contest-failed', { reason: String(cause) }))
        .finally(() => {
          ticking = false;
        });
    },
    forget: (tunnelId) => {
      presence.forget(tunnelId);
      contests.forget(tunnelId);
      carrier.forget(tunnelId);
    },
    holderOf,
    stayOf: (tunnelId) => {
      const claim = presence.claimOf(tunnelId);
      return {
        nodeId: claim?.nodeId,
        moves: claim === undefined ? 0 : claim.sequence - 1,
        frozenUntilMs: presence.frozenUntilMs(tunnelId, nowMs()),
        alsoAt: contests.alsoAt(tunnelId, pastMs()),
      };
    },
    alarms: () => {
      const frozen = presence.frozen(nowMs()).filter((tunnelId) => presence.here().has(tunnelId));
      const names = frozen.slice(0, toldTunnels).map((id) => snapshot().tunnels.get(id)?.record.name ?? id);
      if (frozen.length > toldTunnels) names.push(`${frozen.length - toldTunnels} more`);
      return frozen.length === 0
        ? []
        : [`each of these tunnels has its key on two devices, and stays at this node for now: ${names.join(', ')}`];
    },
  };
}
