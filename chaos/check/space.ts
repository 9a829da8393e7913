// Space: whatever the unit sizes, of two who hold overlapping space at most one does, and each holds what its pool may
// give. The judge keeps its own map of the space and believes no slab.

import type { Prefix } from '#internal/netip/netip.ts';
import { openClocks } from './clocks.ts';
import { judgeGiven, judgeQuarantine, judgeReservation, judgeSlab } from './given.ts';
import { type Holding, holdingOf, isLive, shownHolding, wrongStep } from './holding.ts';
import type { Court } from './invariant.ts';
import { poolOf, prefixOf } from './places.ts';
import { type PrefixTrie, prefixTrie } from './prefix-trie.ts';
import type { Judge, State } from './replay.ts';
import type { Transaction } from './transactions.ts';

export function judgeSpace(court: Court): Judge {
  /** All that is not free in one pool, its delegations and quarantined prefixes too: by pool. */
  const pools = new Map<string, PrefixTrie>();
  /** Leaves: what end users hold, whatever pool it is from; by realm. */
  const realms = new Map<string, PrefixTrie>();
  const of = (map: Map<string, PrefixTrie>, name: string): PrefixTrie => {
    const trie = map.get(name) ?? prefixTrie();
    map.set(name, trie);
    return trie;
  };
  const holdings = new Map<string, { readonly prefix: Prefix; readonly realm: string }>();

  function drop(key: string): void {
    const was = holdings.get(key);
    if (was === undefined) return;
    holdings.delete(key);
    of(pools, poolOf(key)).remove(was.prefix, key);
    of(realms, was.realm).remove(was.prefix, key);
  }
  function add(state: State, key: string, prefix: Prefix, leaf: boolean): void {
    const realm = state.of('pool').get(poolOf(key))?.record.realmId ?? '';
    holdings.set(key, { prefix, realm });
    of(pools, poolOf(key)).add(prefix, key);
    if (leaf) of(realms, realm).add(prefix, key);
  }

  const holdingAt = (state: State, id: string): Holding => holdingOf(state.of('allocation').get(id)?.record);

  /** Keys in the tries: an allocation's id, or a delegated slab's with a star. */
  function place(state: State, id: string): void {
    const record = state.of('allocation').get(id)?.record;
    const prefix = record && prefixOf(record.prefix);
    if (record !== undefined && prefix !== undefined) add(state, id, prefix, record.delegatedPoolId === '');
  }
  function placeSlab(state: State, id: string): void {
    const record = state.of('slab').get(id)?.record;
    const prefix = record && prefixOf(record.prefix);
    if (record && prefix !== undefined && record.delegatedPoolId !== '') add(state, `${id}*`, prefix, false);
  }

  function overlapping(state: State, key: string, transaction: Transaction): void {
    const here = holdings.get(key);
    if (here === undefined) return;
    const leaf = !key.endsWith('*') && holdingAt(state, key).is !== 'delegated';
    const others = new Set(of(pools, poolOf(key)).meeting(here.prefix));
    if (leaf) for (const other of of(realms, here.realm).meeting(here.prefix)) others.add(other);
    others.delete(key);
    const [other] = others;
    const quarantined = other !== undefined && holdingAt(state, other).is === 'quarantined';
    court.check(quarantined ? 'quarantine' : 'no-overlap', other === undefined, () => {
      const what = other === undefined ? '' : ` and ${other} (${shownHolding(holdingAt(state, other))})`;
      return `revision ${transaction.revision}: ${key} ${here.prefix} (${shownHolding(holdingAt(state, key))})${what}`;
    });
  }

  let before = new Map<string, Holding>();
  const timeOf = openClocks();

  return {
    begin(state) {
      for (const id of state.of('allocation').keys()) place(state, id);
      for (const id of state.of('slab').keys()) placeSlab(state, id);
    },
    before(state, { records }) {
      before = new Map(records.filter(isAllocation).map(({ id }) => [id, holdingAt(state, id)]));
    },
    after(state, transaction) {
      const { records, revision } = transaction;
      const atMs = timeOf(transaction);
      const allocations = records.filter(isAllocation).map(({ id }) => id);
      const slabs = records.filter(({ kind }) => kind === 'slab').map(({ id }) => id);
      for (const id of allocations) drop(id);
      for (const id of slabs) drop(`${id}*`);
      for (const id of allocations) place(state, id);
      for (const id of slabs) placeSlab(state, id);
      for (const id of allocations) {
        const was = before.get(id) ?? free;
        const is = holdingAt(state, id);
        // A pool goes with all that is left in it, and its space with it.
        if (is.is === 'free' && was.is === 'quarantined' && !state.of('pool').has(poolOf(id))) continue;
        const wrong = wrongStep(was, is, atMs);
        const name = wrong?.name ?? (was.is === 'quarantined' ? 'quarantine' : 'no-overlap');
        court.check(name, wrong === undefined, () => `revision ${revision}: ${id}: ${wrong?.problem}`);
        judgeQuarantine(court, state, { revision, atMs }, { id, was, is });
        overlapping(state, id, transaction);
        if (isLive(is)) judgeGiven(court, state, id, isLive(was));
      }
      for (const { kind, id } of records)
        if (kind === 'reservation') judgeReservation(court, state, id, of(pools, poolOf(id)));
      for (const id of slabs) {
        overlapping(state, `${id}*`, transaction);
        judgeSlab(court, state, id, of(pools, poolOf(id)));
      }
    },
  };
}

const free: Holding = { is: 'free' };
const isAllocation = ({ kind }: { readonly kind: string }): boolean => kind === 'allocation';
