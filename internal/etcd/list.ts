// List: all keys of a prefix at one revision, in pages.

import type { CallOptions } from '@grpc/grpc-js';
import type { IRangeRequest, IRangeResponse } from 'etcd3';
import { keyAfter, keyBytes, prefixEnd } from './bytes.ts';
import type { Clients } from './endpoint.ts';
import { failureCode } from './failure.ts';
import type { Entry, Listing } from './types.ts';
import { entryOf } from './wire.ts';

type Run<T> = (clients: Clients, options: CallOptions) => Promise<T>;
/** A read that goes to the next endpoint when one fails. */
export type Read = <T>(name: string, run: Run<T>, deadlineMs?: number) => Promise<T>;

export interface ListOptions {
  /** At this revision instead of the newest. */
  readonly revision?: bigint;
  /** Values are left out. */
  readonly keysOnly?: boolean;
  readonly signal?: AbortSignal;
}

// A page is counted to the end of the prefix by etcd, so that the pages of a list cost their number times the keys: 400,000 keys of 220 B
// took 14.4 s in pages of 1,000 (13 s of etcd's processor), 4.7 s in these, 3.2 s in pages of 10,000. The longest that the event loop stood
// still meanwhile was 31, 41 and 89 ms (measured).
const largestPage = 4_000;
const pageDeadlineMs = 5_000;
const attemptsWithoutProgress = 12;

/**
 * Linearizable. O(keys). When the revision is compacted between two pages, it starts again at the newest (or, asked
 * for a revision, throws `compacted`). A page that is too large or too slow is asked for again in smaller ones.
 */
export async function list(read: Read, prefix: string, options: ListOptions): Promise<Listing> {
  const rangeEnd = prefixEnd(prefix);
  let entries: Entry[] = [];
  let at = options.revision;
  let clusterId = '';
  let from = prefix;
  let limit = largestPage;
  let failures = 0;
  for (;;) {
    options.signal?.throwIfAborted();
    const request = {
      key: keyBytes(from),
      range_end: keyBytes(rangeEnd),
      limit,
      keys_only: options.keysOnly ?? false,
      ...(at !== undefined && { revision: at.toString() }),
    };
    let page: IRangeResponse;
    try {
      page = await readPage(read, prefix, request);
    } catch (thrown) {
      const code = failureCode(thrown);
      failures++;
      if (code === 'compacted' && options.revision === undefined && failures < attemptsWithoutProgress) {
        entries = [];
        from = prefix;
        at = undefined;
        continue;
      }
      if ((code === 'too-large' || code === 'ambiguous') && limit > 1) {
        limit = Math.ceil(limit / 16);
        continue;
      }
      throw thrown;
    }
    failures = 0;
    limit = Math.min(largestPage, 2 * limit);
    at ??= BigInt(page.header.revision);
    clusterId = page.header.cluster_id;
    for (const kv of page.kvs) entries.push(entryOf(kv));
    const last = entries.at(-1);
    if (!page.more || last === undefined) return { clusterId, revision: at, entries };
    from = keyAfter(last.key);
  }
}

function readPage(read: Read, prefix: string, request: IRangeRequest): Promise<IRangeResponse> {
  return read(`list ${prefix}`, ({ kv }, o) => kv.range(request, o), pageDeadlineMs);
}
