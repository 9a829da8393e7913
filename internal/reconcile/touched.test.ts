import { clone } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Dataplane, emptyDataplane, itemKey, type MutableDataplane } from '#internal/dataplane/dataplane.ts';
import { desired, type Self } from '#internal/desired/desired.ts';
import { AllocationSchema, PoolSchema, RealmSchema, SlabSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { fold, type Snapshot } from '#internal/model/model.ts';
import type { RecordEvent } from '#internal/model/record.ts';
import { deletionOf, threePops, tunnelEvents } from '#internal/testkit/three-pops.ts';
import { difference, type Told } from './difference.ts';
import { touch, untouched } from './touched.ts';

const self: Self = { nodeId: 'p1', accessKeyFile: '/keys/access', interconnectKeyFile: '/keys/interconnect' };
const nobody: ReadonlySet<string> = new Set();
const pool4 = '4-2c1f0000-22';
const slab4 = `${pool4}/2c1f0000`;
const allocation4 = `${pool4}/2c1f0001`;
const start = threePops(3);

const recordOf = <T>(stored: { readonly record: T } | undefined): T => {
  if (stored === undefined) throw new TypeError('not there');
  return stored.record;
};
const pool = (change: object): RecordEvent => {
  const record = Object.assign(clone(PoolSchema, recordOf(start.pools.get(pool4))), change);
  return { kind: 'pool', id: pool4, stored: { revision: 9n, record } };
};
const slab = (change: object): RecordEvent => {
  const record = Object.assign(clone(SlabSchema, recordOf(start.slabs.get(slab4))), change);
  return { kind: 'slab', id: slab4, stored: { revision: 9n, record } };
};
const allocation = (change: object): RecordEvent => {
  const record = Object.assign(clone(AllocationSchema, recordOf(start.allocations.get(allocation4))), change);
  return { kind: 'allocation', id: allocation4, stored: { revision: 9n, record } };
};
const realm = (change: object): RecordEvent => {
  const record = Object.assign(clone(RealmSchema, recordOf(start.realms.get('internet'))), change);
  return { kind: 'realm', id: 'internet', stored: { revision: 9n, record } };
};

const nothing = { frame: false, everything: false, tunnels: [] };
const all = { frame: true, everything: true, tunnels: [] };
const cases: readonly (readonly [name: string, event: RecordEvent, touches: object])[] = [
  ['a pool that is rewritten as it is', pool({}), nothing],
  ['a pool that is frozen', pool({ frozen: true, description: 'full', drainToPoolId: 'x' }), nothing],
  ['a pool that is resized', pool({ prefix: '44.31.0.0/21' }), all],
  ['a pool of another realm', pool({ realmId: 'hamnet' }), all],
  ['a pool that becomes a delegation', pool({ parentPoolId: 'x' }), all],
  ['a pool that is gone', { kind: 'pool', id: pool4 }, all],
  ['a realm that is rewritten as it is', realm({}), nothing],
  ['a realm with another table', realm({ table: 4402 }), all],
  ['a slab that is delegated', slab({ delegatedPoolId: 'x' }), all],
  ['an allocation that is released', allocation({ tunnelId: '' }), { ...nothing, tunnels: ['t1'] }],
  ['an allocation that goes to another', allocation({ tunnelId: 't2' }), { ...nothing, tunnels: ['t1', 't2'] }],
  ['an allocation that is delegated', allocation({ delegatedPoolId: 'x' }), { ...all, tunnels: ['t1'] }],
];
test.each(cases)('%s', (_name, event, touches) => {
  const { changes } = fold(start, { revision: 9n, relisted: false, events: [event] });
  const { tunnels, frame, everything } = touch(untouched, changes);
  expect({ frame, everything, tunnels: [...tunnels].sort() }).toEqual(touches);
});

const change = fc.oneof(
  fc.constantFrom<readonly RecordEvent[]>(
    ...cases.map(([, event]) => [event]),
    [slab({})],
    [slab({ homePopId: 'p2' })],
    [slab({ unitLength: 29 })],
    [allocation({})],
    [allocation({ quarantinedUntil: { seconds: 1n } })],
    [pool({ homePopId: 'p1' })],
    [pool({ prefix: '44.31.2.0/23' })],
  ),
  fc.record({ n: fc.integer({ min: 1, max: 4 }), gone: fc.boolean() }).map(({ n, gone }) => {
    const events = tunnelEvents(n, 9n);
    return gone ? deletionOf(events) : events;
  }),
);

test('whatever changes, what was told difference by difference is the whole desired', () => {
  fc.assert(
    fc.property(fc.array(fc.array(change, { minLength: 1, maxLength: 3 }), { maxLength: 12 }), (batches) => {
      const holds: MutableDataplane = emptyDataplane();
      let snapshot: Snapshot = start;
      let told: Told | undefined;
      let touched = untouched;
      for (const [at, changed] of [[], ...batches].entries()) {
        const revision = 10n + BigInt(at);
        const events = changed.flat().map((event) => {
          return event.stored === undefined
            ? event
            : ({ ...event, stored: { ...event.stored, revision } } as RecordEvent);
        });
        const folded = fold(snapshot, { revision, relisted: false, events });
        snapshot = folded.snapshot;
        touched = touch(untouched, folded.changes);
        const step = difference(told, touched, { snapshot, self, here: nobody });
        told = step.told;
        for (const [kind, key] of step.remove) holds[kind].delete(key);
        for (const item of step.put) (holds[item[0]] as Map<string, unknown>).set(itemKey(item), item[1]);
        const wanted: Dataplane = desired(snapshot, self, nobody);
        expect(holds).toEqual(wanted);
      }
    }),
    { numRuns: 60 },
  );
});
