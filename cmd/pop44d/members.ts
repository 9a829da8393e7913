// Members of etcd's cluster, asked with this node's certificate when somebody wants to know: seldom.

import type { Member, Members } from '#internal/api/api.ts';
import type { Clock } from '#internal/clock/clock.ts';
import { type Etcd, openEtcd } from '#internal/etcd/etcd.ts';
import type { Identity } from '#internal/rpc/rpc.ts';
import { tlsOf } from './trust.ts';

const hostOf = (url: string): string => new URL(url).hostname.replace(/^\[(.*)\]$/, '$1');

export interface LedMembers extends Members {
  /** It leads the cluster, as it says itself. */
  leads(member: Member): Promise<boolean>;
  /** From the one that leads to one that votes. */
  moveLead(from: Member, to: Member): Promise<void>;
}

export function membersOf(endpoints: readonly string[], identity: () => Identity, clock: Clock): LedMembers {
  async function asked<T>(at: readonly string[], ask: (etcd: Etcd) => Promise<T>): Promise<T> {
    const etcd = openEtcd({ endpoints: at, tls: tlsOf(identity()), clock });
    try {
      return await ask(etcd);
    } finally {
      etcd.close();
    }
  }
  const urls = new Map<string, readonly string[]>();
  return {
    list: async () => {
      const members = await asked(endpoints, (etcd) => etcd.members());
      return members.map(({ id, name, clientUrls, peerUrls, learner }) => {
        urls.set(id, clientUrls);
        return { id, name, hosts: [...new Set([...clientUrls, ...peerUrls].map(hostOf))], votes: !learner };
      });
    },
    answers: ({ id }) =>
      asked(urls.get(id) ?? [], (etcd) => etcd.header()).then(
        () => true,
        () => false,
      ),
    leads: ({ id }) => asked(urls.get(id) ?? [], async (etcd) => (await etcd.leader()) === id),
    moveLead: ({ id }, to) => asked(urls.get(id) ?? [], (etcd) => etcd.moveLeader(to.id)),
    remove: ({ id }) => asked(endpoints, (etcd) => etcd.removeMember(id)),
  };
}
