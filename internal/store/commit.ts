// Commit: a group of decisions as one etcd transaction, and what became of each of them.

import type { Clock } from '#internal/clock/clock.ts';
import { Fault } from '#internal/errors/errors.ts';
import { type Etcd, failureCode, type TxnOutcome } from '#internal/etcd/etcd.ts';
import type { Operation } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { Decision } from '#internal/model/record.ts';
import type { Chain, Chains } from './audit.ts';
import { decodeOperation } from './codec.ts';
import { type Group, type LeaderFence, openGroup } from './group.ts';
import type { Item } from './item.ts';
import { operationKey } from './keys.ts';
import type { LeaseKind, Leases } from './lease.ts';
import type { CommitOutcome, Remembered } from './outcome.ts';
import { settle } from './settle.ts';
import { holdsFence, judge, leasesOf, transactionOf } from './transaction.ts';

type Judged = ReadonlyMap<Item, CommitOutcome>;

// Tries that say nothing of any decision: a lease that was revoked, a transaction that never arrived, a chain that
// somebody else writes to.
const mostIdleTries = 4;
const nothingLearnt: Judged = new Map();

export function createCommit(etcd: Etcd, leases: Leases, chains: Chains, clock: Clock) {
  async function readOperation(requestId: string): Promise<Remembered | undefined> {
    const { entry } = await etcd.get(operationKey(requestId));
    return entry && { operation: decodeOperation(requestId, entry.value), revision: entry.modRevision };
  }

  async function commitGroup({ items, fence }: Group): Promise<readonly CommitOutcome[]> {
    const outcomes = new Map<Item, CommitOutcome>();
    let left = items;
    let idle = 0;
    while (left.length > 0) {
      if (idle === mostIdleTries) throw new Fault('unavailable', `nothing was written in ${idle} tries`);
      const judged = await tryOnce(left, fence);
      if (judged.size === 0) idle++;
      for (const [item, outcome] of judged) outcomes.set(item, outcome);
      left = left.filter((item) => !outcomes.has(item));
    }
    return items.flatMap((item) => outcomes.get(item) ?? []);
  }

  /** Of each item that it says something of; all others may be tried again. */
  async function tryOnce(items: readonly Item[], fence: LeaderFence | undefined): Promise<Judged> {
    const leaseIds = new Map<LeaseKind, bigint>();
    for (const kind of leasesOf(items)) leaseIds.set(kind, await leases.id(kind));
    const chain = await chains.take();
    let lastLinkKnown = false;
    try {
      const judged = await send(chain, items, fence, leaseIds);
      lastLinkKnown = judged !== 'misused';
      return judged === 'misused' ? nothingLearnt : judged;
    } finally {
      if (lastLinkKnown) chains.give(chain);
      else chains.retire();
    }
  }

  async function send(
    chain: Chain,
    items: readonly Item[],
    fence: LeaderFence | undefined,
    leaseIds: ReadonlyMap<LeaseKind, bigint>,
  ): Promise<Judged | 'misused'> {
    const all = (outcome: CommitOutcome): Judged => new Map(items.map((item) => [item, outcome]));
    const link = chain.next(items, fence, clock.wall());
    const { txn, found } = transactionOf(items, fence, link, leaseIds);
    let untilMs = 0;
    let answer: TxnOutcome;
    try {
      answer = await etcd.txn(txn, (ms) => {
        untilMs = ms;
      });
    } catch (thrown) {
      if (failureCode(thrown) === 'no-lease' && leaseIds.size > 0) {
        for (const id of leaseIds.values()) leases.forget(id);
        return nothingLearnt;
      }
      if (failureCode(thrown) !== 'ambiguous') throw thrown;
      const instead = chain.next([], undefined, clock.wall());
      const settledAt = await settle(etcd, clock, { link, instead, untilMs });
      chain.grown(settledAt === undefined ? instead : link);
      return settledAt === undefined ? nothingLearnt : all({ outcome: 'committed', revision: settledAt });
    }
    const { succeeded, revision } = answer;
    if (succeeded) {
      chain.grown(link);
      return all({ outcome: 'committed', revision });
    }
    const stood = found(answer.found);
    if (stood.has(link.key)) return 'misused';
    if (fence !== undefined && !holdsFence(fence, stood)) return all({ outcome: 'deposed', revision });
    return new Map(
      items.flatMap((item) => {
        const outcome = judge(item, stood, revision);
        return outcome === undefined ? [] : [[item, outcome] as const];
      }),
    );
  }

  async function commit(decision: Decision, operation: Operation | undefined): Promise<CommitOutcome> {
    const group = openGroup();
    group.add(decision, operation);
    const [outcome] = await commitGroup(group);
    if (outcome === undefined) throw new TypeError('a decision that nothing became of');
    if (outcome.outcome === 'unreadable') throw outcome.fault;
    return outcome;
  }

  return { commit, commitGroup, readOperation };
}
