// Snapshot: every record about people at one revision. Immutable: a fold shares all that did not change.

import { Map } from 'immutable';
import type { PersonBatch, PersonKind, PersonRecords } from '#internal/model/model.ts';
import type { Stored } from '#internal/model/record.ts';

type Table<K extends PersonKind> = Map<string, Stored<PersonRecords[K]>>;

/** By id, in no order: whoever shows one sorts it. */
export type People = { readonly [K in PersonKind]: Table<K> } & {
  /** etcd revision up to which everything is in. */
  readonly revision: bigint;
};

export function emptyPeople(): People {
  return {
    revision: 0n,
    user: Map(),
    callsign: Map(),
    email: Map(),
    link: Map(),
    login: Map(),
    token: Map(),
    mail: Map(),
    sending: Map(),
    bootstrap: Map(),
  };
}

type Tables = Record<PersonKind, Map<string, Stored<PersonRecords[PersonKind]>>>;

/** O(events). A relisted batch replaces everything; of one key's events in a difference the last counts. */
export function foldPeople(before: People, batch: PersonBatch): People {
  const from = batch.relisted ? emptyPeople() : before;
  const tables: Tables = { ...from };
  const touched = new Set<PersonKind>();
  for (const { kind, id, stored } of batch.events) {
    if (!touched.has(kind)) tables[kind] = tables[kind].asMutable();
    touched.add(kind);
    if (stored === undefined) tables[kind].delete(id);
    else tables[kind].set(id, stored);
  }
  for (const kind of touched) tables[kind] = tables[kind].asImmutable();
  // Each table holds what its kind's events gave.
  return { ...tables, revision: batch.revision } as unknown as People;
}
