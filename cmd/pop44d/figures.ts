// Figures: what the metrics show of this daemon, read when they are asked for.

import type { BgpCounts } from '#internal/dataplane/dataplane.ts';
import type { Election } from '#internal/election/election.ts';
import type { Readings } from '#internal/metrics/metrics.ts';
import type { Snapshot } from '#internal/model/model.ts';
import type { Health } from '#internal/seam/seam.ts';
import { hearsBack, type Status } from '#internal/status/status.ts';
import type { Store } from '#internal/store/store.ts';
import type { KeptIdentity } from '#internal/trust/trust.ts';

export interface FigureParts {
  readonly nodeId: string;
  readonly snapshot: Snapshot;
  readonly status: Pick<Status, 'own' | 'of' | 'hears'>;
  readonly now: Date;
  readonly store: Pick<Store, 'contact' | 'quarantined'>;
  readonly election: Pick<Election, 'leading'>;
  readonly identity: Pick<KeptIdentity, 'ends'>;
  readonly bgp: readonly BgpCounts[];
  /** As the privileged half told it last. */
  readonly health: Health | undefined;
}

export function figuresOf(parts: FigureParts): Readings {
  const { nodeId, snapshot, status, now, store, election, identity, bgp, health } = parts;
  const own = status.own();
  const hears = new Map(status.hears(now).map((hearing) => [hearing.nodeId, hearing.heard]));
  const others = [...snapshot.nodes.keys()].filter((id) => id !== nodeId);
  return {
    snapshotRevision: snapshot.revision,
    appliedRevision: own.appliedRevision,
    storeConnected: store.contact().connected,
    certificateEnds: identity.ends(),
    brakeHeld: own.held !== '',
    failingSteps: own.failingSteps,
    quarantined: store.quarantined().length,
    poolsLed: election.leading().length,
    pools: Object.fromEntries(snapshot.poolUse),
    records: {
      pop: snapshot.pops.size,
      node: snapshot.nodes.size,
      interconnect: snapshot.interconnects.size,
      upstream: snapshot.upstreams.size,
      pool: snapshot.pools.size,
      slab: snapshot.slabs.size,
      allocation: snapshot.allocations.size,
      tunnel: snapshot.tunnels.size,
    },
    peers: others.map((id) => {
      const known = status.of(id);
      const { connected = false, rttMs, clockOffsetMs } = known ?? {};
      return {
        nodeId: id,
        connected,
        heard: hears.get(id) ?? false,
        oneWay: known !== undefined && hearsBack(known, nodeId, now) === false,
        ...(rttMs === undefined ? {} : { rttMs }),
        ...(clockOffsetMs === undefined ? {} : { clockOffsetMs }),
      };
    }),
    paths: Object.fromEntries(own.paths.map((path) => [path.link, path])),
    bgp,
    ...(health === undefined ? {} : { dataplane: health }),
  };
}
