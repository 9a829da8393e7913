// Replay: the store as it was at one revision after another.

import type { RecordKind, Records, Stored } from '#internal/model/record.ts';
import { recordKinds } from '#internal/model/record.ts';
import type { EventLog } from '../event-log.ts';
import { type Transaction, transactionsOf } from './transactions.ts';

export interface Leader {
  readonly nodeId: string;
  /** Of the election key: the fence. */
  readonly createRevision: bigint;
}

/** Written to by the replay alone. */
export interface State {
  readonly revision: bigint;
  of<K extends RecordKind>(kind: K): ReadonlyMap<string, Stored<Records[K]>>;
  /** By pool. */
  readonly leaders: ReadonlyMap<string, Leader>;
}

/** Looks at every transaction: at the state that it met, and at the one that it left. */
export interface Judge {
  /** What stood when the log began. */
  begin?(state: State): void;
  before?(state: State, transaction: Transaction): void;
  after?(state: State, transaction: Transaction): void;
  end?(state: State): void;
}

/** A question to the state at a revision. */
export interface Moment {
  readonly revision: bigint;
  ask(state: State): void;
}

type Tables = Map<RecordKind, Map<string, Stored<Records[RecordKind]>>>;

/** Asks each moment with the state at its revision; O(events + judges' own). */
export function replay(log: EventLog, judges: readonly Judge[], unsorted: readonly Moment[] = []): void {
  const moments = unsorted.toSorted((a, b) => (a.revision < b.revision ? -1 : a.revision > b.revision ? 1 : 0));
  const tables: Tables = new Map(recordKinds.map((kind) => [kind, new Map()]));
  const leaders = new Map<string, Leader>();
  let revision = log.from;
  const state: State = {
    get revision() {
      return revision;
    },
    of: <K extends RecordKind>(kind: K) => (tables.get(kind) ?? new Map()) as ReadonlyMap<string, Stored<Records[K]>>,
    leaders,
  };
  const apply = ({ records, leaders: candidates }: Transaction, createRevision?: bigint): void => {
    for (const { kind, id, stored } of records) {
      if (stored === undefined) tables.get(kind)?.delete(id);
      else tables.get(kind)?.set(id, stored);
    }
    for (const { poolId, candidate } of candidates) {
      const created = createRevision ?? leaders.get(poolId)?.createRevision ?? revision;
      if (candidate === undefined) leaders.delete(poolId);
      else leaders.set(poolId, { nodeId: candidate.nodeId, createRevision: created });
    }
  };

  for (const listed of log.base) for (const each of transactionsOf([listed])) apply(each, listed.createRevision);
  for (const judge of judges) judge.begin?.(state);
  let asked = 0;
  const ask = (below: bigint): void => {
    for (let next = moments[asked]; next !== undefined && next.revision < below; next = moments[asked]) {
      if (next.revision >= log.from) next.ask(state);
      asked += 1;
    }
  };
  for (const transaction of transactionsOf(log.events)) {
    ask(transaction.revision);
    for (const judge of judges) judge.before?.(state, transaction);
    revision = transaction.revision;
    apply(transaction);
    for (const judge of judges) judge.after?.(state, transaction);
  }
  ask(log.to + 1n);
  for (const judge of judges) judge.end?.(state);
}
