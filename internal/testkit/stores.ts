// Stores: the real store and etcd itself side by side, and small things to write.

import { create } from '@bufbuild/protobuf';
import { realClock } from '#internal/clock/clock.ts';
import { type Etcd, openEtcd } from '#internal/etcd/etcd.ts';
import { type Operation, OperationSchema, RealmSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { Batch, Decision, RecordEvent } from '#internal/model/record.ts';
import { openStore, type Store, type StoreEvent, type StoreOptions } from '#internal/store/store.ts';
import { testProgressNotifyMs } from './etcd.ts';
import { eventually } from './eventually.ts';

type Options = Partial<StoreOptions> & { readonly log?: StoreEvent[] };

export function storeAt(endpoints: readonly string[], { log, ...options }: Options = {}): Store & Disposable {
  const store = openStore({
    endpoints,
    clock: realClock,
    nodeId: 'p1',
    progressNotifyMs: testProgressNotifyMs,
    report: (event) => log?.push(event),
    ...options,
  });
  return Object.assign(store, { [Symbol.dispose]: () => store.close() });
}

/** etcd itself, for what nobody of ours would write. */
export function rawAt(
  endpoints: readonly string[],
): Etcd & Disposable & { write(key: string, value?: Uint8Array): Promise<bigint> } {
  const etcd = openEtcd({ endpoints, clock: realClock });
  return Object.assign(etcd, {
    async write(key: string, value?: Uint8Array) {
      const operation = value === undefined ? ({ op: 'delete', key } as const) : ({ op: 'put', key, value } as const);
      return (await etcd.txn({ compares: [], then: [operation] })).revision;
    },
    [Symbol.dispose]: () => etcd.close(),
  });
}

/** Where the store keeps a record. */
const keyOf = ({ kind, id }: Pick<RecordEvent, 'kind' | 'id'>): string => `/pop44/v1/${kind}/${id}`;

/** What a daemon holds after the batches so far. */
export function follower(store: Store, lastGood?: Batch) {
  const controller = new AbortController();
  const records = new Map<string, RecordEvent>();
  const batches: Batch[] = [];
  const running = (async () => {
    for await (const batch of store.follow(controller.signal, lastGood)) {
      if (batch.relisted) records.clear();
      for (const event of batch.events) {
        const key = keyOf(event);
        if (event.stored === undefined) records.delete(key);
        else records.set(key, event);
      }
      batches.push(batch);
    }
  })();
  return {
    records,
    batches,
    lists: () => batches.filter((batch) => batch.relisted).length,
    reaches: (revision: bigint) => eventually(() => (batches.at(-1)?.revision ?? 0n) >= revision, 10_000),
    async [Symbol.asyncDispose]() {
      controller.abort(new Error('test over'));
      await running;
    },
  };
}

export const realm = (id: string, description = '') => create(RealmSchema, { id, table: 4_500, description });
/** Of a realm that is not there, or is at this revision. */
export const putRealm = (id: string, description = '', revision = 0n): Decision => ({
  compares: [{ kind: 'realm', id, revision }],
  writes: [{ op: 'put', kind: 'realm', id, record: realm(id, description) }],
});
let made = 0;
/** Of a request of its own, with an answer of its own. */
export const operation = (requestId = `r${++made}`): Operation =>
  create(OperationSchema, { requestId, method: 'test', response: new TextEncoder().encode(`answer ${++made}`) });
