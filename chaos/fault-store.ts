// Fault store: something is there that should not be: records that nobody can read.

import type { Clock } from '#internal/clock/clock.ts';
import { openEtcd, type Operation } from '#internal/etcd/etcd.ts';
import { recordKinds } from '#internal/model/record.ts';
import type { Cluster } from '#internal/testkit/cluster.ts';
import { randomFrom } from '#internal/testkit/random.ts';
import { doneWithinMs, untilDone } from './etcdctl.ts';
import { poisonMark } from './event-log.ts';
import type { Heal } from './fault-begin.ts';

/** One of each kind, one of a kind that nobody knows, one of people. */
const poisonKeys: readonly string[] = [
  ...[...recordKinds, 'unheard-of'].map((kind) => `/pop44/v1/${kind}/${poisonMark}`),
  `/pop44/people/v1/user/${poisonMark}`,
];

let poisons = 0;

/** Bytes that no schema takes: a field that ends before it began. */
function poisonBytes(random: () => number): Uint8Array {
  const noise = Array.from({ length: 1 + Math.floor(random() * 60) }, () => Math.floor(random() * 256));
  // Field 1, length-delimited, 127 bytes long, of which there are fewer.
  return new Uint8Array([0x0a, 0x7f, ...noise]);
}

export async function poisonStore(cluster: Cluster, clock: Clock): Promise<Heal> {
  poisons += 1;
  const random = randomFrom(poisons);
  // Under other faults the answer of one may be lost: to write or take away once more does no harm.
  const write = async (then: readonly Operation[]): Promise<void> => {
    const etcd = openEtcd({ ...cluster.etcd, clock });
    try {
      await untilDone(() => etcd.txn({ compares: [], then }), doneWithinMs, clock);
    } finally {
      etcd.close();
    }
  };
  await write(poisonKeys.map((key) => ({ op: 'put', key, value: poisonBytes(random) })));
  return () => write(poisonKeys.map((key) => ({ op: 'delete', key })));
}
