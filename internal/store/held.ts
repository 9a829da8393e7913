// Held: the records that stand after some batches. By kind and id, whose texts are the events' own: a key made of the
// two for each of 40,000 records is another 4 MB (measured).

import { type RecordEvent, type RecordKind, recordKinds } from '#internal/model/record.ts';

export type Held = ReadonlyMap<RecordKind, Map<string, RecordEvent>>;

export const nothingHeld = (): Held => new Map(recordKinds.map((kind) => [kind, new Map()]));

export function apply(held: Held, events: readonly RecordEvent[]): void {
  for (const event of events) {
    if (event.stored === undefined) held.get(event.kind)?.delete(event.id);
    else held.get(event.kind)?.set(event.id, event);
  }
}

export const allHeld = (held: Held): readonly RecordEvent[] => [...held.values()].flatMap((of) => [...of.values()]);
