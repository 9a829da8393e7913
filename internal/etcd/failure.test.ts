import { expect, test } from 'vitest';
import { failureOf } from './failure.ts';

test.each([
  // Never left this process: may be tried elsewhere.
  ['14 UNAVAILABLE: No connection established. Last error: Error: connect ECONNREFUSED 127.0.0.1:1', 'unavailable'],
  ['14 UNAVAILABLE: Name resolution failed for target dns:nowhere:2379', 'unavailable'],
  ['4 DEADLINE_EXCEEDED: Deadline exceeded after 2.001s,name resolution: 0.000s,Waiting for LB pick', 'unavailable'],
  ['14 UNAVAILABLE: Channel closed before call started', 'unavailable'],
  ['13 INTERNAL: Failed to start HTTP/2 stream with error ERR_HTTP2_INVALID_SESSION', 'unavailable'],
  ['14 UNAVAILABLE: etcdserver: no leader', 'unavailable'],
  // May have happened.
  ['14 UNAVAILABLE: read ECONNRESET', 'ambiguous'],
  ['14 UNAVAILABLE: Connection dropped', 'ambiguous'],
  ['4 DEADLINE_EXCEEDED: Deadline exceeded after 2.000s,remote_addr=127.0.0.1:2379', 'ambiguous'],
  ['14 UNAVAILABLE: etcdserver: leader changed', 'ambiguous'],
  ['14 UNAVAILABLE: etcdserver: request timed out, possibly due to previous leader failure', 'ambiguous'],
  ['8 RESOURCE_EXHAUSTED: etcdserver: mvcc: database space exceeded', 'ambiguous'],
  ['1 CANCELLED: Cancelled on client', 'ambiguous'],
  ['something that no version says today', 'ambiguous'],
  // Certain.
  ['11 OUT_OF_RANGE: etcdserver: mvcc: required revision has been compacted', 'compacted'],
  ['11 OUT_OF_RANGE: etcdserver: mvcc: required revision is a future revision', 'behind'],
  ['8 RESOURCE_EXHAUSTED: Received message larger than max (40000000 vs 33554432)', 'too-large'],
  ['Lease 5 NOT_FOUND: etcdserver: requested lease not found is expired or revoked', 'no-lease'],
  ['3 INVALID_ARGUMENT: etcdserver: duplicate key given in txn request', 'rejected'],
  ['7 PERMISSION_DENIED: etcdserver: permission denied', 'rejected'],
])('%s: %s', (message, code) => {
  expect(failureOf(new Error(message), 'txn at x')).toMatchObject({ code });
});
