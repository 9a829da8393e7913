// Drain: a node that its operators have taken out of use gives up what others can carry, and takes its PoP back when it is in use
// again, if it carried it before.
//
// Nobody is ordered by the network: both nodes of a pair see the record, and who is to lead orders itself.

import type { Clock } from '#internal/clock/clock.ts';
import { siblingOfNode } from '#internal/desired/desired.ts';
import type { Election } from '#internal/election/election.ts';
import { messageOf } from '#internal/errors/errors.ts';
import type { Log } from '#internal/log/log.ts';
import type { RecordChange, Snapshot } from '#internal/model/model.ts';
import type { Status } from '#internal/status/status.ts';
import type { EtcdLead } from './etcd-lead.ts';
import type { Pairing } from './pair.ts';

export interface DrainParts {
  readonly nodeId: string;
  readonly snapshot: () => Snapshot;
  readonly status: Pick<Status, 'of' | 'own' | 'update'>;
  readonly pairing: Pick<Pairing, 'takeOver' | 'carries'>;
  readonly election: Pick<Election, 'stand' | 'leading'>;
  readonly etcdLead: EtcdLead;
  readonly clock: Clock;
  readonly log: Pick<Log, 'info' | 'warn'>;
}

export interface Draining {
  changed(changes: readonly RecordChange[]): void;
  /** Twice a second. */
  beat(): void;
}

/** A sibling that is not well for so long keeps what it has: it is for people to say. */
const backMs = 60_000;

export const isDrained = (snapshot: Snapshot, nodeId: string): boolean =>
  snapshot.nodes.get(nodeId)?.record.drain !== undefined;

/** In the mesh, of nodes that are out of use. */
const drainedAddresses = (snapshot: Snapshot): ReadonlySet<string> =>
  new Set(
    [...snapshot.nodes.values()].flatMap(({ record }) => (record.drain === undefined ? [] : [record.meshAddress])),
  );

export function createDraining(parts: DrainParts): Draining {
  const { nodeId, snapshot, status, pairing, election, etcdLead, clock, log } = parts;
  let backUntilMs: number | undefined;
  let ordering = false;
  let refused = '';

  /** The other node of the PoP, if it leads. */
  function leader(): string | undefined {
    const sibling = siblingOfNode(snapshot(), nodeId);
    return sibling !== undefined && status.of(sibling)?.report.role === 'active' ? sibling : undefined;
  }

  function order(from: string): void {
    if (ordering) return;
    ordering = true;
    void pairing
      .takeOver()
      .catch(messageOf)
      .then((problem) => {
        if (problem === '') log.info('took-over-by-drain', { from });
        else if (problem !== refused) log.warn('drain-not-relieved', { from, reason: problem });
        refused = problem;
      })
      .finally(() => {
        ordering = false;
      });
  }

  /** In words, for people. */
  function pending(): string {
    const drain = snapshot().nodes.get(nodeId)?.record.drain;
    if (drain === undefined) return backUntilMs === undefined ? '' : 'takes its PoP back';
    const pools = election.leading().length;
    return [
      ...(pairing.carries() && (drain.carried || leader() !== undefined) ? ['carries its PoP'] : []),
      ...(pools === 0 ? [] : [`leads ${pools} ${pools === 1 ? 'pool' : 'pools'}`]),
      ...(etcdLead.pending() ? ['leads etcd'] : []),
    ].join(', ');
  }

  function look(): void {
    // First: what follows writes, and must not wait for an election.
    if (isDrained(snapshot(), nodeId)) etcdLead.handOver(drainedAddresses(snapshot()));
    else etcdLead.keep();
    if (backUntilMs !== undefined && (status.own().role === 'active' || clock.monotonicMs() > backUntilMs))
      backUntilMs = undefined;
    const from = leader();
    const wanted = backUntilMs !== undefined || (from !== undefined && isDrained(snapshot(), from));
    if (from !== undefined && wanted && status.own().role === 'standby' && !isDrained(snapshot(), nodeId)) order(from);
    status.update({ drainPending: pending() });
  }

  return {
    changed: (changes) => {
      const drains = changes.flatMap((change) =>
        change.kind === 'node' ? [[change.id, change.before?.record.drain, change.after?.record.drain] as const] : [],
      );
      for (const [id, before, after] of drains)
        if (id === nodeId && before?.carried === true && after === undefined)
          backUntilMs = clock.monotonicMs() + backMs;
      const turned = drains.some(([, before, after]) => (before === undefined) !== (after === undefined));
      // Of others too: who should lead a pool is another one then.
      if (turned || changes.some(({ kind }) => kind === 'pool'))
        election.stand(isDrained(snapshot(), nodeId) ? [] : snapshot().pools.keys());
      if (turned) look();
    },
    beat: look,
  };
}
