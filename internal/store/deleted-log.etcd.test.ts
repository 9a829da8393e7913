import { clone, create, toBinary } from '@bufbuild/protobuf';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DeletedTunnelSchema, TunnelSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { startEtcd, type TestEtcd } from '#internal/testkit/etcd.ts';
import { rawAt, storeAt } from '#internal/testkit/stores.ts';
import { tunnelEvents } from '#internal/testkit/three-pops.ts';

let etcd: TestEtcd;
beforeAll(async () => {
  etcd = await startEtcd();
});
afterAll(() => etcd[Symbol.asyncDispose]());

const idOf = (n: number): string => n.toString(16).padStart(12, '0');

test('what was deleted comes in slices by id, from where one goes on; what cannot be read is left out [T1]', async () => {
  const [stored] = tunnelEvents(1, 1n).flatMap((event) => (event.kind === 'tunnel' ? (event.stored ?? []) : []));
  const record = stored?.record ?? create(TunnelSchema);
  using raw = rawAt(etcd.endpoints);
  const key = (id: string): string => `/pop44/log/v1/deleted/${id}`;
  for (let from = 0; from < 450; from += 100) {
    const then = Array.from({ length: Math.min(100, 450 - from) }, (_, n) => {
      const tunnel = Object.assign(clone(TunnelSchema, record), { id: idOf(from + n) });
      return {
        op: 'put',
        key: key(tunnel.id),
        value: toBinary(DeletedTunnelSchema, create(DeletedTunnelSchema, { tunnel })),
      } as const;
    });
    await raw.txn({ compares: [], then });
  }
  await raw.write(key(idOf(7)), Buffer.from('garbage'));
  using store = storeAt(etcd.endpoints);
  const slices = await Array.fromAsync(store.readDeleted());
  expect(slices.length).toBe(3);
  expect(Math.max(...slices.map(({ length }) => length))).toBeLessThanOrEqual(200);
  const ids = slices.flat().map(({ tunnel }) => tunnel?.id);
  expect(ids).toEqual(Array.from({ length: 450 }, (_, n) => idOf(n)).filter((id) => id !== idOf(7)));
  const rest = (await Array.fromAsync(store.readDeleted(idOf(440)))).flat().map(({ tunnel }) => tunnel?.id);
  expect(rest).toEqual(Array.from({ length: 9 }, (_, n) => idOf(441 + n)));
  expect((await store.deletedTunnel(idOf(3)))?.tunnel?.id).toBe(idOf(3));
  expect(await store.deletedTunnel(idOf(7))).toBeUndefined();
  expect(await store.deletedTunnel('ffffffffffff')).toBeUndefined();
});
