// Draft: a decision about people while it is put together, and what a command is given besides records and request.

import type {
  Lifetime,
  PersonCompare,
  PersonDecision,
  PersonKind,
  PersonRecords,
  PersonWrite,
} from '#internal/model/model.ts';
import type { Decision, Stored } from '#internal/model/record.ts';

export interface PeopleContext {
  readonly principal: string;
  readonly now: Date;
  /** 32 lower-case hexadecimal digits, never the same twice. */
  readonly newId: () => string;
}

export interface Decided<R> {
  readonly decision: Decision;
  readonly response: R;
}

export class PersonDraft {
  readonly #compares = new Map<string, PersonCompare>();
  readonly #writes = new Map<string, PersonWrite>();

  /** The record is at commit as it was read, or as absent. */
  read(kind: PersonKind, id: string, stored: Pick<Stored<unknown>, 'revision'> | undefined): void {
    this.#compares.set(`${kind}/${id}`, { kind, id, revision: stored?.revision ?? 0n });
  }

  put<K extends PersonKind>(kind: K, id: string, record: PersonRecords[K], lifetime?: Lifetime): void {
    const write = { op: 'put', kind, id, record, ...(lifetime && { lifetime }) };
    // The kind is the record's.
    this.#writes.set(`${kind}/${id}`, write as PersonWrite);
  }

  remove(kind: PersonKind, id: string): void {
    this.#writes.set(`${kind}/${id}`, { op: 'delete', kind, id });
  }

  people(): PersonDecision {
    return { compares: [...this.#compares.values()], writes: [...this.#writes.values()] };
  }

  /** With what it reads and writes of the fabric, if anything. */
  decision(fabric: Omit<Decision, 'people'> = { compares: [], writes: [] }): Decision {
    return { ...fabric, people: this.people() };
  }
}
