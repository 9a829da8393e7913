// Deleted log: tunnels as they were, for a month: whoever has deleted one by mistake has it back with its keys.

import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { Fault } from '#internal/errors/errors.ts';
import type { Entry, Etcd } from '#internal/etcd/etcd.ts';
import { type DeletedTunnel, DeletedTunnelSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { problemOf } from './checks.ts';
import { deletedPrefix } from './keys.ts';

/** @throws Fault `unreadable` of one that nobody would find again */
export function deletedEntry(deleted: DeletedTunnel): { readonly key: string; readonly value: Uint8Array } {
  const { tunnel } = deleted;
  if (tunnel === undefined || problemOf('tunnel', tunnel, tunnel.id) !== undefined)
    throw new Fault('unreadable', 'a deleted tunnel that is none');
  return { key: `${deletedPrefix}${tunnel.id}`, value: toBinary(DeletedTunnelSchema, deleted) };
}

// Some 20 us each to decode and check: a daemon does nothing else meanwhile.
const inASlice = 200;

/** As Store.readDeleted. */
export async function* readDeleted(
  etcd: Pick<Etcd, 'slice'>,
  after?: string,
): AsyncGenerator<readonly DeletedTunnel[]> {
  let last = after === undefined ? undefined : `${deletedPrefix}${after}`;
  for (;;) {
    const entries = await etcd.slice(deletedPrefix, { limit: inASlice, ...(last !== undefined && { after: last }) });
    yield entries.flatMap(decoded);
    if (entries.length < inASlice) return;
    last = entries.at(-1)?.key;
  }
}

/** As Store.deletedTunnel. */
export async function deletedTunnel(etcd: Pick<Etcd, 'get'>, id: string): Promise<DeletedTunnel | undefined> {
  const { entry } = await etcd.get(`${deletedPrefix}${id}`);
  return entry && decoded(entry)[0];
}

function decoded({ key, value }: Pick<Entry, 'key' | 'value'>): readonly DeletedTunnel[] {
  try {
    const deleted = fromBinary(DeletedTunnelSchema, new Uint8Array(value));
    const { tunnel } = deleted;
    const id = key.slice(deletedPrefix.length);
    return tunnel !== undefined && problemOf('tunnel', tunnel, id) === undefined ? [deleted] : [];
  } catch {
    return [];
  }
}
