// Signing authority: which of the network's CAs signs certificates now.

import type { Authority } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { Stored } from './record.ts';
import type { Snapshot } from './snapshot.ts';

const atOf = ({ signsSince }: Authority): bigint =>
  (signsSince?.seconds ?? 0n) * 1_000_000_000n + BigInt(signsSince?.nanos ?? 0);

/** Undefined while there is no record of any: the one whose key a daemon holds. O(CAs). */
export function signingAuthority({ authorities }: Pick<Snapshot, 'authorities'>): Stored<Authority> | undefined {
  const signing = [...authorities.values()].filter(
    ({ record }) => record.signsSince !== undefined && record.retiredAt === undefined,
  );
  // Of two with one time the same everywhere.
  return signing.sort(({ record: a }, { record: b }) =>
    atOf(a) === atOf(b) ? (a.id < b.id ? 1 : -1) : atOf(a) < atOf(b) ? 1 : -1,
  )[0];
}
