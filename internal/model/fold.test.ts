import { create } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AllocationSchema, TunnelSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { Prefix } from '#internal/netip/netip.ts';
import { deletionOf, fabricEvents, threePops, tunnelEvents } from '#internal/testkit/three-pops.ts';
import {
  emptySnapshot,
  fold,
  growthLimit,
  namesakes,
  parsePoolId,
  poolId,
  type Snapshot,
  slabLengthOf,
  slabLengthOfPool,
} from './model.ts';
import { type RecordEvent, recordKinds } from './record.ts';

const p = (text: string): Prefix => text as Prefix;

const tables = [
  'realms',
  'pops',
  'nodes',
  'interconnects',
  'upstreams',
  'pools',
  'slabs',
  'allocations',
  'tunnels',
  'peerkeys',
  'delegations',
  'quarantined',
] as const;

/** Everything that can be seen of a snapshot, in one order. */
function seen(snapshot: Snapshot): object {
  const sorted = (entries: Iterable<readonly [string, unknown]>): object => Object.fromEntries([...entries].sort());
  const names = new Set(
    [...snapshot.tunnels.values()].flatMap(({ record }) => [record.name, `${record.owner}/${record.name}`]),
  );
  return {
    revision: snapshot.revision,
    network: snapshot.network,
    tables: tables.map((table) => sorted(snapshot[table].entries())),
    names: [...names]
      .sort()
      .map((name) => [
        name,
        namesakes(snapshot.tunnelsByName, name).toSorted(),
        namesakes(snapshot.tunnelsByOwnerAndName, name).toSorted(),
      ]),
    sizes: [snapshot.tunnelsByName.size, snapshot.tunnelsByOwnerAndName.size],
    counts: sorted(snapshot.tunnelCounts.entries()),
    // Counted one by one.
    owners: sorted(
      [...Map.groupBy(snapshot.tunnels.values(), ({ record }) => record.owner)].map(([owner, some]) => [
        owner,
        some.length,
      ]),
    ),
    poolUse: sorted(snapshot.poolUse.entries()),
  };
}

const listOf = (snapshot: Snapshot): readonly RecordEvent[] => [
  ...(snapshot.network ? [{ kind: 'network', id: 'network', stored: snapshot.network } as const] : []),
  ...recordKinds.flatMap((kind) =>
    kind === 'network'
      ? []
      : [...(kind === 'authority' ? snapshot.authorities : snapshot[`${kind}s`]).entries()].map(
          ([id, stored]) => ({ kind, id, stored }) as RecordEvent,
        ),
  ),
];

/** A step of a history: tunnels come, go and are renamed. */
const step = fc.record({
  tunnel: fc.integer({ min: 1, max: 12 }),
  gone: fc.boolean(),
  name: fc.constantFrom('home', 'car', 'club'),
});

function eventsOf(change: { tunnel: number; gone: boolean; name: string }, revision: bigint): readonly RecordEvent[] {
  const events = tunnelEvents(change.tunnel, revision);
  if (change.gone) return deletionOf(events);
  for (const event of events) if (event.kind === 'tunnel' && event.stored) event.stored.record.name = change.name;
  return events;
}

describe('fold', () => {
  test('differences one after another give the same as a fresh list, in whatever order the list comes', () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 20 }),
        fc.array(fc.nat(), { minLength: 100, maxLength: 100 }),
        (steps, numbers) => {
          let followed = fold(emptySnapshot(), { revision: 1n, relisted: true, events: fabricEvents() }).snapshot;
          for (const [at, change] of steps.entries()) {
            const revision = BigInt(at + 2);
            followed = fold(followed, { revision, relisted: false, events: eventsOf(change, revision) }).snapshot;
          }
          const list = listOf(followed)
            .map((event, at) => ({ event, rank: numbers[at] ?? 0 }))
            .sort((a, b) => a.rank - b.rank)
            .map(({ event }) => event);
          const { revision } = followed;
          const listed = fold(emptySnapshot(), { revision, relisted: true, events: list });
          expect(seen(listed.snapshot)).toEqual(seen(followed));
          expect(fold(emptySnapshot(), { revision, relisted: true, events: list.toReversed() }).changes).toEqual(
            listed.changes,
          );
          expect(fold(followed, { revision, relisted: true, events: list }).changes).toEqual([]);
        },
      ),
      { numRuns: 40 },
    );
  });

  test('a list takes any snapshot to itself, and the changes say what that took', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), fc.array(step, { maxLength: 12 }), (one, other) => {
        const built = (steps: typeof one, offset: bigint): Snapshot =>
          steps.reduce(
            (snapshot, change, at) =>
              fold(snapshot, {
                revision: BigInt(at) + offset,
                relisted: false,
                events: eventsOf(change, BigInt(at) + offset),
              }).snapshot,
            emptySnapshot(),
          );
        const [from, to] = [built(one, 2n), built(other, 50n)];
        const { snapshot, changes } = fold(from, { revision: to.revision, relisted: true, events: listOf(to) });
        expect(seen(snapshot)).toEqual(seen(to));
        const events = changes.map(
          ({ kind, id, after }) => ({ kind, id, ...(after && { stored: after }) }) as RecordEvent,
        );
        expect(seen(fold(from, { revision: to.revision, relisted: false, events }).snapshot)).toEqual(seen(to));
      }),
      { numRuns: 40 },
    );
  });

  test('an event of a record that is held as it is, and a deletion of none, change nothing', () => {
    const snapshot = threePops(1);
    const again = fold(snapshot, {
      revision: 9n,
      relisted: false,
      events: [...tunnelEvents(1, 2n), { kind: 'tunnel', id: 'nobody' }],
    });
    expect(again.changes).toEqual([]);
    expect(again.snapshot.revision).toBe(9n);
  });

  test('a list from another history is told by its contents where the revisions agree', () => {
    const snapshot = threePops(1);
    const events = listOf(snapshot).map((event): RecordEvent => {
      if (event.kind !== 'tunnel' || !event.stored) return event;
      return {
        ...event,
        stored: { ...event.stored, record: create(TunnelSchema, { ...event.stored.record, mtu: 1280 }) },
      };
    });
    const { changes } = fold(snapshot, { revision: 2n, relisted: true, events });
    expect(changes.map(({ kind, id }) => `${kind} ${id}`)).toEqual(['tunnel t1']);
  });

  test('a create and a delete in one batch leave nothing, not even a change', () => {
    const events = tunnelEvents(1, 3n);
    const { snapshot, changes } = fold(threePops(), {
      revision: 4n,
      relisted: false,
      events: [...events, ...deletionOf(events)],
    });
    expect(changes).toEqual([]);
    expect(seen(snapshot)).toEqual({ ...seen(threePops()), revision: 4n });
  });

  test('the network can go again', () => {
    const { snapshot } = fold(threePops(), {
      revision: 3n,
      relisted: false,
      events: [{ kind: 'network', id: 'network' }],
    });
    expect('network' in snapshot).toBe(false);
  });

  test('a snapshot that was handed out never changes, and what did not change is shared', () => {
    const before = threePops(3);
    const copy = JSON.stringify(seen(before), (_, value: unknown) =>
      typeof value === 'bigint' ? String(value) : value,
    );
    const { snapshot } = fold(before, { revision: 3n, relisted: false, events: deletionOf(tunnelEvents(2, 2n)) });
    expect(
      JSON.stringify(seen(before), (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value)),
    ).toBe(copy);
    expect(snapshot.tunnels.size).toBe(2);
    for (const table of ['realms', 'pops', 'nodes', 'interconnects', 'upstreams', 'pools', 'slabs'] as const) {
      expect(snapshot[table]).toBe(before[table]);
    }
  });

  test('counts what lies under a pool', () => {
    const pool = '4-2c1f0000-22';
    const before = threePops(3);
    expect(before.poolUse.get(pool)).toEqual({ slabs: 2, allocations: 3, quarantined: 0 });
    expect(before.delegations.size).toBe(0);
    const put = (id: string, fields: object): RecordEvent => {
      const record = create(AllocationSchema, { poolId: pool, ...fields });
      return { kind: 'allocation', id: `${pool}/${id}`, stored: { revision: 9n, record } };
    };
    const events = [
      put('2c1f0001', { quarantinedUntil: { seconds: 1n } }),
      put('2c1f0002', { delegatedPoolId: 'x' }),
      put('2c1f0009', { owner: 'admin/ada' }),
    ];
    const after = fold(before, { revision: 9n, relisted: false, events }).snapshot;
    expect(after.poolUse.get(pool)).toEqual({ slabs: 2, allocations: 3, quarantined: 1 });
    expect([...after.delegations.keys()]).toEqual([`${pool}/2c1f0002`]);
    expect([...after.quarantined.keys()]).toEqual([`${pool}/2c1f0001`]);
    const gone = deletionOf([...events, ...fabricEvents(), ...tunnelEvents(3, 1n)]);
    const empty = fold(after, { revision: 10n, relisted: false, events: gone }).snapshot;
    expect([empty.poolUse.get(pool), empty.delegations.size, empty.quarantined.size]).toEqual([undefined, 0, 0]);
  });
});

describe('ids', () => {
  const spelled = [
    ['44.31.0.0/22', '4-2c1f0000-22', 24, '44.0.0.0/8'],
    ['44.31.0.0/26', '4-2c1f0000-26', 26, '44.0.0.0/8'],
    ['44.0.0.0/8', '4-2c000000-8', 24, '44.0.0.0/8'],
    ['44.0.0.0/7', '4-2c000000-7', 24, '44.0.0.0/7'],
    ['2001:db8:44::/48', '6-20010db8004400000000000000000000-48', 56, '2001:db8:40::/42'],
    ['2001:db8:44:4000::/60', '6-20010db8004440000000000000000000-60', 64, '2001:db8:44:4000::/54'],
    ['2001:db8::/32', '6-20010db8000000000000000000000000-32', 48, '2001:d80::/26'],
    ['2001:c00::/22', '6-20010c00000000000000000000000000-22', 48, '2001::/20'],
    ['2001:db8:44:44::/80', '6-20010db8004400440000000000000000-80', 80, '2001:db8:44:44::/74'],
  ] as const;
  test.each(spelled)('of the pool %s: %s', (prefix, id, slabLength, limit) => {
    expect(poolId(p(prefix))).toBe(id);
    expect(parsePoolId(id)).toBe(prefix);
    expect(slabLengthOf(p(prefix))).toBe(slabLength);
    expect(slabLengthOfPool(id)).toBe(slabLength);
    expect(growthLimit(id)).toBe(limit);
  });
  const wrong = [
    '4-2c1f0001-22',
    '4-2c1f0000-022',
    '6-2c1f0000-22',
    '4-2c1f0000-33',
    '5-2c1f0000-22',
    'x',
    '',
    '4-2c1f0000-22/1',
  ];
  test.each(wrong)('%j spells no pool', (id) => {
    expect([parsePoolId(id), slabLengthOfPool(id), growthLimit(id)]).toEqual([undefined, undefined, undefined]);
  });
});

test('a name is found by its owner, and alone when nobody else uses it', () => {
  const rename = (n: number, name: string, owner: string, revision: bigint): readonly RecordEvent[] => {
    const events = tunnelEvents(n, revision);
    for (const event of events)
      if (event.kind === 'tunnel' && event.stored) Object.assign(event.stored.record, { name, owner });
    return events;
  };
  let snapshot = threePops();
  const follow = (events: readonly RecordEvent[]): void => {
    snapshot = fold(snapshot, { revision: snapshot.revision + 1n, relisted: false, events }).snapshot;
  };
  follow([
    ...rename(1, 'home', 'admin/ada', 3n),
    ...rename(2, 'home', 'admin/bob', 3n),
    ...rename(3, 'home', 'admin/cid', 3n),
  ]);
  expect(namesakes(snapshot.tunnelsByName, 'home').toSorted()).toEqual(['t1', 't2', 't3']);
  expect(namesakes(snapshot.tunnelsByOwnerAndName, 'admin/bob/home')).toEqual(['t2']);
  follow(rename(2, 'car', 'admin/bob', 4n));
  expect(namesakes(snapshot.tunnelsByName, 'home').toSorted()).toEqual(['t1', 't3']);
  follow(deletionOf(tunnelEvents(1, 4n)));
  expect(namesakes(snapshot.tunnelsByName, 'home')).toEqual(['t3']);
  follow(deletionOf(tunnelEvents(3, 5n)));
  expect(namesakes(snapshot.tunnelsByName, 'home')).toEqual([]);
});
