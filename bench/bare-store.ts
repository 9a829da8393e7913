// Bare store: the records of one allocation, written by the bare client of etcd without any of pop44 around it.

import { randomBytes } from 'node:crypto';
import { create, toBinary } from '@bufbuild/protobuf';
import { timestampNow } from '@bufbuild/protobuf/wkt';
import { Etcd3 } from 'etcd3';
import type { ITxnRequest } from 'etcd3';
import type { Cluster } from '#internal/testkit/cluster.ts';
import { AllocationSchema, AuditSchema, OperationSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { AllocateResponseSchema } from '#internal/gen/pop44/v1/allocations_pb.ts';

export interface BareStore {
  /** Allocation, operation and audit record, in one transaction that compares that the first two do not exist. */
  transactions(inFlight: number, ms: number): Promise<number>;
  /**
   * The same records of as many requests as a transaction takes, together: requests a second. What no daemon can pass that
   * does anything for a request besides.
   */
  groups(inFlight: number, ms: number): Promise<number>;
  /** The allocation alone, by a put without any condition. */
  puts(inFlight: number, ms: number): Promise<number>;
  close(): void;
}

/** A pool that nobody leads, whose keys every daemon follows. */
const poolId = '4-2c700000-12';
const prefixOf = (hex: string): string =>
  `${[0, 2, 4, 6].map((at) => Number.parseInt(hex.slice(at, at + 2), 16)).join('.')}/32`;

// etcd takes 128 compares a transaction: two a request, and three that are shared.
const groupSize = 62;

/** As many at once as told, until the time is over; those a second that were acknowledged. */
export async function perSecond(inFlight: number, ms: number, once: (n: number) => Promise<void>): Promise<number> {
  const began = performance.now();
  const until = began + ms;
  let begun = 0;
  let done = 0;
  const worker = async (): Promise<void> => {
    while (performance.now() < until) {
      begun += 1;
      await once(begun);
      done += 1;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  return (1_000 * done) / (performance.now() - began);
}

/** By the package's own client as it comes, to all members. */
export async function openBareStore({ endpoints, tls }: Cluster['etcd']): Promise<BareStore> {
  const client = new Etcd3({
    hosts: [...endpoints],
    credentials: {
      rootCertificate: Buffer.from(tls.ca),
      certChain: Buffer.from(tls.certificate),
      privateKey: Buffer.from(tls.key),
    },
  });
  const { kv, leaseClient } = client;
  const { ID: lease } = await leaseClient.leaseGrant({ TTL: 3_600 });
  const run = randomBytes(4).toString('hex');
  let number = 0;

  function records(): { readonly hex: string; readonly id: string; readonly allocation: Uint8Array } {
    number += 1;
    const hex = (0x2c700000 + number).toString(16);
    const allocation = create(AllocationSchema, {
      poolId,
      prefix: prefixOf(hex),
      owner: 'bench/bare',
      createdAt: timestampNow(),
    });
    return { hex, id: `bare-${run}-${number}`, allocation: toBinary(AllocationSchema, allocation) };
  }

  /** So many requests, as one transaction of pop44 carries them. */
  function transaction(size: number): ITxnRequest {
    const method = '/pop44.v1.AllocationService/Allocate';
    const created: string[] = [];
    const success: ReturnType<typeof put>[] = [];
    const entries: { requestId: string; principal: string; method: string; changes: string[] }[] = [];
    let slab = '';
    for (let n = 0; n < size; n += 1) {
      const { hex, id, allocation } = records();
      const response = create(AllocateResponseSchema, {
        allocations: [{ prefix: prefixOf(hex), poolId, realmId: 'internet', owner: 'bench/bare', homePopId: 'p1' }],
      });
      const operation = create(OperationSchema, {
        requestId: id,
        principal: 'admin/bench',
        method,
        requestHash: randomBytes(32),
        response: toBinary(AllocateResponseSchema, response),
        at: timestampNow(),
        nodeId: 'p1',
      });
      const [held, remembered] = [`/pop44/v1/allocation/${poolId}/${hex}`, `/pop44/log/v1/operation/${id}`];
      created.push(held, remembered);
      success.push(put(held, allocation), put(remembered, toBinary(OperationSchema, operation), lease));
      entries.push({ requestId: id, principal: 'admin/bench', method, changes: [`put allocation/${poolId}/${hex}`] });
      slab = `/pop44/v1/slab/${poolId}/${hex.slice(0, 6)}00`;
    }
    const audit = create(AuditSchema, {
      nodeId: 'p1',
      chain: run.padStart(16, '0'),
      number: BigInt(number),
      previousHash: randomBytes(32),
      at: timestampNow(),
      entries,
    });
    const chained = `/pop44/log/v1/audit/bare/${run}/${number.toString(16).padStart(16, '0')}`;
    return {
      // What a transaction of pop44 compares.
      compare: [
        ...[`/pop44/v1/pool/${poolId}`, slab].map((key) => ({
          key: Buffer.from(key),
          target: 'Mod' as const,
          result: 'Equal' as const,
          mod_revision: '0',
        })),
        ...[...created, chained].map((key) => ({
          key: Buffer.from(key),
          target: 'Create' as const,
          result: 'Equal' as const,
          create_revision: '0',
        })),
      ],
      success: [...success, put(chained, toBinary(AuditSchema, audit))],
    };
  }

  async function commit(size: number): Promise<void> {
    const { succeeded } = await kv.txn(transaction(size));
    if (!succeeded) throw new Error('somebody else writes where the bench does');
  }

  return {
    transactions: (inFlight, ms) => perSecond(inFlight, ms, () => commit(1)),
    groups: async (inFlight, ms) => groupSize * (await perSecond(inFlight, ms, () => commit(groupSize))),
    puts: (inFlight, ms) =>
      perSecond(inFlight, ms, async () => {
        const { hex, allocation } = records();
        const key = Buffer.from(`/pop44/v1/allocation/${poolId}/${hex}`);
        await kv.put({ key, value: Buffer.from(allocation) });
      }),
    close: () => client.close(),
  };
}

const put = (key: string, value: Uint8Array, lease = '0') => ({
  request_put: { key: Buffer.from(key), value: Buffer.from(value), lease },
});
