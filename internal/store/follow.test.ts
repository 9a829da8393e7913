import { create } from '@bufbuild/protobuf';
import { array, assert, asyncProperty, constantFrom, integer, nat, record } from 'fast-check';
import { expect, test } from 'vitest';
import type { Entry, WatchBatch, WatchEvent } from '#internal/etcd/etcd.ts';
import { RealmSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { encodeRecord } from './codec.ts';
import { createReading } from './follow.ts';
import { recordKey } from './keys.ts';
import { fabric } from './languages.ts';

const key = (n: number) => recordKey('realm', `r${n}`);
const value = (n: number) => encodeRecord('realm', `r${n}`, create(RealmSchema, { id: `r${n}`, table: 4_500 }));

/** Changes of eight keys; each is one transaction. Poison is a change like any other. */
const changes = array(
  record({ of: integer({ min: 0, max: 7 }), what: constantFrom('put', 'put', 'delete', 'poison') }),
  { minLength: 1, maxLength: 40 },
);

function watchEvents(steps: readonly { of: number; what: string }[]): readonly WatchEvent[] {
  const held = new Set<number>();
  return steps.flatMap(({ of, what }, at): readonly WatchEvent[] => {
    const modRevision = BigInt(at + 2);
    // etcd tells no deletion of what is not there.
    if (what === 'delete') return held.delete(of) ? [{ key: key(of), modRevision }] : [];
    held.add(of);
    return [{ key: key(of), modRevision, value: what === 'put' ? value(of) : Buffer.from('?') }];
  });
}

const batch = (event: WatchEvent): WatchBatch => ({ revision: event.modRevision, relisted: false, events: [event] });
const empty: WatchBatch = { revision: 1n, relisted: true, events: [] };

/** What etcd lists after these events. */
function listing(events: readonly WatchEvent[]): readonly Entry[] {
  const entries = new Map<string, Entry>();
  for (const { key: name, modRevision, value: bytes } of events) {
    if (bytes === undefined) entries.delete(name);
    else entries.set(name, { key: name, value: bytes, modRevision, createRevision: 0n });
  }
  return [...entries.values()];
}

test('an audit finds nothing in a faithful watch, whatever goes on meanwhile', async () => {
  await assert(
    asyncProperty(changes, changes, async (before, during) => {
      const all = watchEvents([...before, ...during]);
      const first = all.filter(({ modRevision }) => modRevision <= BigInt(before.length + 1));
      const reading = createReading(fabric, undefined, () => undefined);
      await reading.batch(empty);
      for (const event of first) await reading.batch(batch(event));
      const audit = reading.audit();
      for (const event of all.slice(first.length)) await reading.batch(batch(event));
      expect(audit.finish(listing(first))).toEqual([]);
    }),
  );
});

test('an audit finds a key whose last event was lost', async () => {
  await assert(
    asyncProperty(changes, nat(), async (steps, drop) => {
      const events = watchEvents(steps);
      const dropped = events[drop % Math.max(1, events.length)];
      if (dropped === undefined) return;
      const reading = createReading(fabric, undefined, () => undefined);
      await reading.batch(empty);
      for (const event of events) if (event !== dropped) await reading.batch(batch(event));
      await reading.batch({ revision: 100n, relisted: false, events: [] });
      const found = reading.audit().finish(listing(events));
      // An event that a later one of its key covers leaves no trace in a list. (A deletion has put something before.)
      const shows = events.findLast((event) => event.key === dropped.key) === dropped;
      expect(found).toEqual(shows ? [dropped.key] : []);
    }),
  );
});

test('of a list what is as it was is the same record, and what is not is read anew, whatever its revision', async () => {
  const listed = (values: readonly Uint8Array[]): WatchBatch => ({
    revision: 9n,
    relisted: true,
    events: values.map((bytes, n) => ({ key: key(n), modRevision: 2n, value: Buffer.from(bytes) })),
  });
  const events = watchEvents([0, 1, 2].map((of) => ({ of, what: 'put' })));
  const { events: saved } = await createReading(fabric, undefined, () => undefined).batch(
    listed(events.map(({ value: bytes }) => bytes ?? Buffer.alloc(0))),
  );
  const reports: string[] = [];
  const reading = createReading(fabric, { revision: 9n, relisted: true, events: saved }, ({ event }) =>
    reports.push(event),
  );
  // A store that was restored and went on otherwise.
  const other = encodeRecord('realm', 'r1', create(RealmSchema, { id: 'r1', table: 4_600 }));
  const again = await reading.batch(listed([value(0), other, Buffer.from('?')]));
  expect(again.events[0]).toBe(saved[0]);
  expect(again.events[1]).toMatchObject({ id: 'r1', stored: { record: { table: 4_600 } } });
  // Its last good record goes on.
  expect(again.events[2]).toBe(saved[2]);
  expect(reports).toEqual(['record-quarantined']);
});
