// Held log: who held a prefix until when. Etcd forgets its own history at a compaction; this stays, one small record for
// each holding that ended, found by its prefix without reading any other.

import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import { Fault } from '#internal/errors/errors.ts';
import { type Etcd, prefixEnd } from '#internal/etcd/etcd.ts';
import { type Holding, HoldingSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { Ended } from '#internal/model/record.ts';
import { type Prefix, parsePrefix } from '#internal/netip/netip.ts';
import { heldFolder, heldKey } from './keys.ts';

/** @throws Fault `unreadable` of one that nobody would find again */
export function heldEntry({ holding, revision }: Ended): { readonly key: string; readonly value: Uint8Array } {
  const prefix = parsePrefix(holding.prefix);
  if (typeof prefix !== 'string' || holding.until === undefined) {
    throw new Fault('unreadable', 'a holding without its prefix or its end');
  }
  return { key: heldKey(prefix, timestampMs(holding.until), revision), value: toBinary(HoldingSchema, holding) };
}

/**
 * What is written down of exactly these prefixes, at most 128 of them, the oldest first within each. Costs one
 * transaction that looks which have a history, and the histories of these. What cannot be read is left out.
 */
export async function readHeld(
  etcd: Pick<Etcd, 'txn' | 'list'>,
  prefixes: readonly Prefix[],
): Promise<readonly Holding[]> {
  const folders = prefixes.map(heldFolder);
  const { found } = await etcd.txn({
    compares: [],
    then: folders.map((key) => ({ op: 'get', key, rangeEnd: prefixEnd(key), keysOnly: true })),
  });
  const holdings: Holding[] = [];
  for (const [at, folder] of folders.entries()) {
    if (found[at] === undefined) continue;
    for (const { value } of (await etcd.list(folder)).entries) {
      const holding = decoded(value);
      if (holding !== undefined && holding.prefix === prefixes[at]) holdings.push(holding);
    }
  }
  return holdings;
}

function decoded(value: Uint8Array): Holding | undefined {
  try {
    return fromBinary(HoldingSchema, new Uint8Array(value));
  } catch {
    return undefined;
  }
}
