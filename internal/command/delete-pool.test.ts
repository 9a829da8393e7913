import { create } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { DeletePoolRequestSchema } from '#internal/gen/pop44/v1/pools_pb.ts';
import { emptySnapshot, fold, type Snapshot } from '#internal/model/model.ts';
import type { Decision, RecordEvent } from '#internal/model/record.ts';
import { commandContext } from '#internal/testkit/command-context.ts';
import { decisionOf } from '#internal/testkit/fabric-requests.ts';
import { createLedger } from '#internal/testkit/ledger.ts';
import { poolBook } from '#internal/testkit/pool-requests.ts';
import { threePops, tunnelEvents } from '#internal/testkit/three-pops.ts';
import { clearings, clearPool, deletePool } from './command.ts';

const deleteIn = (snapshot: Snapshot, pool: string, etag = '') =>
  deletePool(snapshot, create(DeletePoolRequestSchema, { pool, change: { etag } }), commandContext(snapshot));

describe('deleting a pool', () => {
  const empty = fold(threePops(), { revision: 3n, relisted: false, events: [] }).snapshot;

  const cases: readonly (readonly [reason: string, pool: string, etag: string, message: string])[] = [
    ['required', '', '', 'pool: is missing (the id or prefix of one, as pool list shows them)'],
    [
      'not-found',
      '44.60.0.0/22',
      '',
      'pool: "44.60.0.0/22" is no pool of this network (the id or prefix of one, as pool list shows them)',
    ],
    [
      'not-found',
      'nonsense',
      '',
      'pool: "nonsense" is no pool of this network (the id or prefix of one, as pool list shows them)',
    ],
    ['stale-etag', '44.31.0.0/22', '7', 'change.etag: "7" is not the etag any more (read it again: it is 1 now)'],
  ];
  test.each(cases)('%s: %s', (reason, pool, etag, message) => {
    expect(deleteIn(empty, pool, etag)).toMatchObject({ refused: reason, message });
  });

  test('is refused where there is no network', () => {
    expect(deleteIn(emptySnapshot(), '44.31.0.0/22')).toMatchObject({ refused: 'not-ready' });
  });

  test('is refused while tunnels have addresses from it', () => {
    expect(deleteIn(threePops(3), '44.31.0.0/22')).toMatchObject({
      refused: 'in-use',
      message: 'pool: "44.31.0.0/22" is in use: 3 allocations (release them or drain it first)',
      obstacles: [1, 2, 3].map((n) => `44.31.0.${n}/32 of tunnel t${n} (admin/test)`),
    });
  });

  test('takes its slabs along', () => {
    const ledger = createLedger(empty);
    expect(ledger.commit(decisionOf(deleteIn(empty, '44.31.0.0/22', '1')))).toBeDefined();
    expect([...ledger.snapshot.slabs.keys()]).toEqual([
      '6-20010db8004400000000000000000000-48/20010db8004400000000000000000000',
    ]);
    expect([...ledger.snapshot.pools.keys()]).toEqual(['6-20010db8004400000000000000000000-48']);
  });

  test('loses against a tunnel that was created meanwhile [A7]', () => {
    const ledger = createLedger(empty);
    const decision = decisionOf(deleteIn(empty, '44.31.0.0/22'));
    const writes = tunnelEvents(1, 4n).flatMap(({ kind, id, stored }: RecordEvent) =>
      stored === undefined ? [] : [{ op: 'put', kind, id, record: stored.record } as Decision['writes'][number]],
    );
    expect(ledger.commit({ compares: [], writes })).toBeDefined();
    expect(ledger.commit(decision)).toBeUndefined();
  });

  test('of more slabs than a transaction holds leaves the rest, for a pool of the same prefix', () => {
    const [, slab] = [...empty.slabs].find(([id]) => id.startsWith('4-')) ?? [];
    if (slab === undefined) throw new TypeError('no slab');
    const events = Array.from(
      { length: 150 },
      (_, at): RecordEvent => ({ kind: 'slab', id: `4-2c1f0000-22/${String(at).padStart(8, '0')}`, stored: slab }),
    );
    const ledger = createLedger(fold(empty, { revision: 4n, relisted: false, events }).snapshot);
    expect(ledger.commit(decisionOf(deleteIn(ledger.snapshot, '44.31.0.0/22')))).toBeDefined();
    expect(ledger.snapshot.poolUse.get('4-2c1f0000-22')).toEqual({ slabs: 33, allocations: 0, quarantined: 0 });
  });
});

describe('what is left in a pool', () => {
  const pool = '44.60.0.0/16';
  const id = '4-2c3c0000-16';
  const requestOf = (rest: object = {}) => create(DeletePoolRequestSchema, { pool, ...rest });
  const clear = (snapshot: Snapshot) => clearPool(snapshot, requestOf(), commandContext(snapshot));
  const released = (count: number) => {
    const book = poolBook();
    book.commit(book.create({ prefix: pool }));
    for (let n = 0; n < count; n += 16) {
      const prefixes = Array.from({ length: Math.min(16, count - n) }, (_, some) => `44.60.${n + some}.7/32`);
      book.commit(book.allocate('ada', ...prefixes.map((prefix) => ({ prefix }))));
      book.commit(book.release('ada', ...prefixes));
    }
    return book;
  };

  test('in quarantine keeps it, until it is frozen', () => {
    const book = released(2);
    expect(book.remove({ pool })).toMatchObject({
      refused: 'in-use',
      message:
        'pool: "44.60.0.0/16" holds 2 prefixes in quarantine (wait until they are free, or freeze it first: deleting it ends their quarantine then)',
      obstacles: [
        '44.60.0.7/32 in quarantine until 2025-10-10T08:53:20.000Z (ada)',
        '44.60.1.7/32 in quarantine until 2025-10-10T08:53:20.000Z (ada)',
      ],
    });
    book.commit(book.reserve({ pool, prefix: '44.60.9.0/28' }));
    book.commit(book.update({ pool, frozen: true }));
    book.commit(book.remove({ pool }));
    const { allocations, pools, reservations, slabs } = book.snapshot;
    expect([allocations.size, pools.size, reservations.size, slabs.size]).toEqual([0, 0, 0, 0]);
  });

  test('and is too much for one transaction is cleared first', () => {
    const book = released(130);
    expect(clearings(book.snapshot, requestOf())).toBe(0);
    book.commit(book.update({ pool, frozen: true }));
    const steps = clearings(book.snapshot, requestOf());
    expect(steps).toBe(2);
    for (let n = 0; n < steps; n += 1) book.commit(clear(book.snapshot));
    expect(clearings(book.snapshot, requestOf())).toBe(0);
    expect(book.snapshot.poolUse.get(id)).toEqual({ slabs: 20, allocations: 0, quarantined: 0 });
    book.commit(book.remove({ pool }));
    expect(book.snapshot.slabs.size).toBe(0);
  });

  test('is not cleared for one whose pool is of use to somebody', () => {
    const book = released(1);
    book.commit(book.update({ pool, frozen: true }));
    const cleared = clear(book.snapshot);
    book.commit(book.update({ pool, frozen: false }));
    book.commit(book.allocate('ada', { pool, prefix: '44.60.0.9/32' }));
    expect(book.commit(cleared)).toBeUndefined();
    expect(clear(book.snapshot)).toMatchObject({ refused: 'in-use' });
  });
});
