import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { type Holding, HoldingSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { Decision } from '#internal/model/record.ts';
import type { Prefix } from '#internal/netip/netip.ts';
import { startEtcd } from '#internal/testkit/etcd.ts';
import { operation, putRealm, rawAt, storeAt } from '#internal/testkit/stores.ts';
import { heldKey } from './keys.ts';

const prefix = (text: string): Prefix => text as Prefix;
const holding = (of: string, untilMs: number): Holding =>
  create(HoldingSchema, { prefix: of, owner: `until-${untilMs}`, until: timestampFromMs(untilMs) });
const ending = (id: string, ...holdings: readonly Holding[]): Decision => ({
  compares: [{ kind: 'realm', id, revision: 0n }],
  writes: putRealm(id).writes,
  ended: holdings.map((one, at) => ({ holding: one, revision: BigInt(at) })),
});
const around = ['44.31.0.0/24', '44.31.0.7/32', '44.31.0.70/32', '2001:db8:44::/64'].map(prefix);

test('what ended is written with the transaction that ended it, or not at all, and outlives a compaction [A7]', async () => {
  await using server = await startEtcd();
  using store = storeAt(server.endpoints);
  using raw = rawAt(server.endpoints);
  const [first, second] = [holding('44.31.0.7/32', 9_000), holding('44.31.0.7/32', 1_764_072_000_000)];
  const other = holding('2001:db8:44::/64', 20_000);
  await store.commit(ending('a', second, other), operation());
  await store.commit(ending('b', first), operation());
  // Its condition does not hold.
  expect(await store.commit(ending('a', holding('44.31.0.70/32', 1)), operation())).toMatchObject({
    outcome: 'conflict',
  });
  await raw.compact(await store.currentRevision());
  expect(await store.readHeld(around)).toEqual([first, second, other]);
  expect(await store.readHeld([prefix('44.31.0.7/31')])).toEqual([]);
});

test('what a hand wrote there is left out', async () => {
  await using server = await startEtcd();
  using store = storeAt(server.endpoints);
  using raw = rawAt(server.endpoints);
  const right = holding('44.31.0.7/32', 2_000);
  await store.commit(ending('a', right), operation());
  await raw.write(heldKey(prefix('44.31.0.7/32'), 1_000, 1n), Buffer.from([0xff, 0x01]));
  await raw.write(heldKey(prefix('44.31.0.7/32'), 3_000, 1n), Buffer.from([]));
  expect(await store.readHeld(around)).toEqual([right]);
});
