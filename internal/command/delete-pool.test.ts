import { create } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { DeletePoolRequestSchema } from '#internal/gen/pop44/v1/pools_pb.ts';
import { emptySnapshot, fold, type Snapshot } from '#internal/model/model.ts';
import type { Decision, RecordEvent } from '#internal/model/record.ts';
import { commandContext } from '#internal/testkit/command-context.ts';
import { decisionOf } from '#internal/testkit/fabric-requests.ts';
import { createLedger } from '#internal/testkit/ledger.ts';
import { threePops, tunnelEvents } from '#internal/testkit/three-pops.ts';
import { deletePool } from './command.ts';

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
