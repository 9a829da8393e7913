// Draft: a decision while it is put together. Several prefixes of one request share pools and slabs: what is read or
// written twice stands in the decision once, as etcd wants it of writes.

import type { Compare, Decision, RecordKind, Stored, Write } from '#internal/model/record.ts';

export class Draft {
  readonly #compares = new Map<string, Compare>();
  readonly #writes = new Map<string, Write>();

  /** The record is at commit as it was read, or as absent. */
  read(kind: RecordKind, id: string, stored: Pick<Stored<unknown>, 'revision'> | undefined): void {
    this.#compares.set(`${kind}/${id}`, { kind, id, revision: stored?.revision ?? 0n });
  }

  /** The last write of a key counts. */
  write(write: Write): void {
    this.#writes.set(`${write.kind}/${write.id}`, write);
  }

  /** In the order in which it was put together. */
  decision(): Decision {
    return { compares: [...this.#compares.values()], writes: [...this.#writes.values()] };
  }
}
