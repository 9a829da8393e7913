// Wire: etcd3's messages (decimal strings, enums by name) to and from our values.

import type { IEvent, IKeyValue, IResponseHeader } from 'etcd3';
import { keyText } from './bytes.ts';
import type { Entry, Header, WatchEvent } from './types.ts';

export function headerOf(header: IResponseHeader): Header {
  return { clusterId: header.cluster_id, revision: BigInt(header.revision) };
}

const leaseOf = (kv: IKeyValue) => (kv.lease === '0' ? {} : { leaseId: BigInt(kv.lease) });

export function entryOf(kv: IKeyValue): Entry {
  return {
    key: keyText(kv.key),
    value: kv.value,
    modRevision: BigInt(kv.mod_revision),
    createRevision: BigInt(kv.create_revision),
    ...leaseOf(kv),
  };
}

export function eventOf(event: IEvent): WatchEvent {
  return event.type === 'Delete'
    ? { key: keyText(event.kv.key), modRevision: BigInt(event.kv.mod_revision) }
    : entryOf(event.kv);
}
