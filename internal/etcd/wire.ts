// Wire: etcd3's messages (decimal strings, enums by name) to and from our values.

import type { ICompare, IEvent, IKeyValue, IRequestOp, IResponseHeader, ITxnRequest, ITxnResponse } from 'etcd3';
import { bufferOf, keyBytes, keyText } from './bytes.ts';
import type { Compare, Entry, Header, Operation, Txn, TxnOutcome, WatchEvent } from './types.ts';

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

function compareOf(compare: Compare): ICompare {
  const revision = compare.revision.toString();
  return {
    key: keyBytes(compare.key),
    ...(compare.rangeEnd !== undefined && { range_end: keyBytes(compare.rangeEnd) }),
    result: 'Equal',
    ...(compare.target === 'mod'
      ? { target: 'Mod', mod_revision: revision }
      : { target: 'Create', create_revision: revision }),
  };
}

function requestOf(operation: Operation): IRequestOp {
  const key = keyBytes(operation.key);
  switch (operation.op) {
    case 'put': {
      const lease = operation.leaseId === undefined ? {} : { lease: operation.leaseId.toString() };
      return { request_put: { key, value: bufferOf(operation.value), ...lease } };
    }
    case 'delete':
      return { request_delete_range: { key } };
    case 'get': {
      const { rangeEnd, keysOnly = false } = operation;
      const range = rangeEnd === undefined ? {} : { range_end: keyBytes(rangeEnd), limit: 1 };
      return { request_range: { key, keys_only: keysOnly, ...range } };
    }
  }
}

export function txnRequest(txn: Txn): ITxnRequest {
  return {
    compare: txn.compares.map(compareOf),
    success: txn.then.map(requestOf),
    failure: (txn.otherwise ?? []).map(requestOf),
  };
}

export function txnOutcome(txn: Txn, answer: ITxnResponse): TxnOutcome {
  const branch = answer.succeeded ? txn.then : (txn.otherwise ?? []);
  const found: (Entry | undefined)[] = [];
  for (const [at, operation] of branch.entries()) {
    if (operation.op !== 'get') continue;
    const kv = answer.responses[at]?.response_range?.kvs[0];
    found.push(kv && entryOf(kv));
  }
  return { succeeded: answer.succeeded, revision: BigInt(answer.header.revision), found };
}
