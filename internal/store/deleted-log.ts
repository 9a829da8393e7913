// Deleted log: tunnels as they were, for a month: whoever has deleted one by mistake has it back with its keys.

import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { Fault } from '#internal/errors/errors.ts';
import type { Etcd } from '#internal/etcd/etcd.ts';
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

/** As Store.readDeleted. O(deleted within a month). */
export async function readDeleted(etcd: Pick<Etcd, 'list'>): Promise<readonly DeletedTunnel[]> {
  const { entries } = await etcd.list(deletedPrefix);
  return entries.flatMap(({ key, value }) => {
    try {
      const deleted = fromBinary(DeletedTunnelSchema, new Uint8Array(value));
      const { tunnel } = deleted;
      const id = key.slice(deletedPrefix.length);
      return tunnel !== undefined && problemOf('tunnel', tunnel, id) === undefined ? [deleted] : [];
    } catch {
      return [];
    }
  });
}
