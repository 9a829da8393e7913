import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { BlackholeSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { RecordEvent } from '#internal/model/record.ts';
import { createLedger } from '#internal/testkit/ledger.ts';
import { threePops } from '#internal/testkit/three-pops.ts';
import { changed } from '#internal/testkit/tunnel-requests.ts';
import { sweepBlackholes } from './command.ts';

const blackhole = (n: number, endsMs: number | undefined): RecordEvent => {
  const record = create(BlackholeSchema, {
    prefix: `44.31.0.${n}/32`,
    ...(endsMs !== undefined && { expiresAt: timestampFromMs(endsMs) }),
  });
  return { kind: 'blackhole', id: `2c1f00${n.toString(16).padStart(2, '0')}`, stored: { revision: 3n, record } };
};
const some = changed(threePops(), blackhole(1, 1_000), blackhole(2, 2_000), blackhole(3, undefined));

test('a blackhole ends when its time is over, and not before [S5]', () => {
  expect(sweepBlackholes(some, new Date(999))).toBeUndefined();
  const ledger = createLedger(some);
  const decision = sweepBlackholes(some, new Date(1_000)) ?? { compares: [], writes: [] };
  expect(ledger.commit(decision)).toBeDefined();
  expect([...ledger.snapshot.blackholes.keys()].toSorted()).toEqual(['2c1f0002', '2c1f0003']);
  expect(sweepBlackholes(ledger.snapshot, new Date(1e15))?.writes).toHaveLength(1);
});

test('one that was made anew meanwhile is not ended with the old one [S5] [A7]', () => {
  const ledger = createLedger(some);
  const decision = sweepBlackholes(some, new Date(1_000)) ?? { compares: [], writes: [] };
  const record = create(BlackholeSchema, { prefix: '44.31.0.1/32' });
  ledger.commit({ compares: [], writes: [{ op: 'put', kind: 'blackhole', id: '2c1f0001', record }] });
  expect(ledger.commit(decision)).toBeUndefined();
  expect(ledger.snapshot.blackholes.size).toBe(3);
});

test('hundreds that end at once are ended in transactions that etcd takes', () => {
  const many = changed(threePops(), ...Array.from({ length: 200 }, (_, n) => blackhole(n, 1_000)));
  const decision = sweepBlackholes(many, new Date(1_000));
  expect(decision?.writes.length).toBeGreaterThan(0);
  expect(decision?.writes.length).toBeLessThan(100);
});
