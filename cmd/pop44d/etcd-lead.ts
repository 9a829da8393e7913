// Etcd lead: the member of a drained node hands the lead of etcd's cluster to another one, so that whoever stops it later costs
// nobody an election.

import type { Member } from '#internal/api/api.ts';
import type { Clock } from '#internal/clock/clock.ts';
import { messageOf } from '#internal/errors/errors.ts';
import type { Log } from '#internal/log/log.ts';
import type { LedMembers } from './members.ts';

export interface EtcdLeadParts {
  /** This node's, as in the addresses of its member. */
  readonly address: string;
  readonly members: Pick<LedMembers, 'list' | 'leads' | 'moveLead'>;
  readonly clock: Clock;
  readonly log: Pick<Log, 'info' | 'warn'>;
}

export interface EtcdLead {
  /**
   * To be called again and again while this node is drained; nobody waits for what comes of it.
   * @param avoided addresses of nodes that are drained too: they are no better
   */
  handOver(avoided: ReadonlySet<string>): void;
  /** This node's member leads, though another one could; or nobody has answered yet whether it does. */
  pending(): boolean;
  /** This node is in use again. */
  keep(): void;
}

/** Two small calls; a lead that comes back by an election is seen as soon. */
const askEachMs = 5_000;

export function createEtcdLead({ address, members, clock, log }: EtcdLeadParts): EtcdLead {
  let leads = false;
  let known = false;
  let asking = false;
  let askedMs = Number.NEGATIVE_INFINITY;
  let told = '';

  const warn = (event: string, cause: unknown): void => {
    const reason = messageOf(cause);
    if (reason !== told) log.warn(event, { reason });
    told = reason;
  };
  const isOf = ({ hosts }: Member, addresses: ReadonlySet<string>): boolean =>
    hosts.some((host) => addresses.has(host));

  /** Whether it leads, and could hand nothing over. */
  async function look(avoided: ReadonlySet<string>): Promise<boolean> {
    const all = await members.list();
    const own = all.find((member) => isOf(member, new Set([address])));
    if (own === undefined) return false;
    const others = all.filter((member) => member !== own && member.votes && !isOf(member, avoided));
    if (others.length === 0 || !(await members.leads(own))) return false;
    for (const to of others) {
      try {
        await members.moveLead(own, to);
        log.info('etcd-lead-moved', { to: to.name });
        return false;
      } catch (cause) {
        // One that is away: etcd gives up after an election's time, and the next one may be there.
        warn('etcd-lead-unmoved', cause);
      }
    }
    return true;
  }

  return {
    handOver: (avoided) => {
      const nowMs = clock.monotonicMs();
      if (asking || nowMs - askedMs < askEachMs) return;
      askedMs = nowMs;
      asking = true;
      look(avoided)
        .then((still) => {
          leads = still;
        })
        .catch((cause: unknown) => warn('etcd-lead-unknown', cause))
        .finally(() => {
          asking = false;
          known = true;
        });
    },
    pending: () => leads || (asking && !known),
    keep: () => {
      leads = false;
      known = false;
      askedMs = Number.NEGATIVE_INFINITY;
    },
  };
}
