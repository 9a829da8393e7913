// Watch session: one raw watch stream from its opening to its loss.
//
// etcd3's own Watcher loses events (it resumes after the header's revision, and moves on at "created"); here the caller
// owns the resume point and this file only says what came.

import type { ClientDuplexStream } from '@grpc/grpc-js';
import type { IWatchRequest, IWatchResponse } from 'etcd3';
import type { Clock } from '#internal/clock/clock.ts';
import { Fault } from '#internal/errors/errors.ts';
import { keyBytes, prefixEnd } from './bytes.ts';
import type { Endpoint } from './endpoint.ts';
import { failureOf } from './failure.ts';
import type { WatchEvent } from './types.ts';
import { eventOf } from './wire.ts';

export type WatchMessage =
  | { readonly is: 'created' }
  /** A sign of life that says nothing about revisions. */
  | { readonly is: 'alive' }
  /** Nothing older than this revision is still to come. */
  | { readonly is: 'progress'; readonly revision: bigint }
  /** Joined from its fragments; whole revisions in order. */
  | { readonly is: 'events'; readonly events: readonly WatchEvent[] };

export interface SessionOptions {
  readonly prefix: string;
  readonly startRevision: bigint;
  /**
   * The interval at which the server was told to send progress notices: three without a message, and 3 s at least, and
   * the stream is dead. Absent: after `pingMs` of silence the member is asked for a linearizable revision instead.
   */
  readonly progressNotifyMs: number | undefined;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

const createdWithinMs = 3_000;
const pingMs = 5_000;
const silentIntervals = 3;
// A machine that is short of CPU for a moment is not dead.
const leastSilenceMs = 3_000;
const silence: unique symbol = Symbol('silence');
// One for all messages: without a reason, abort() makes a DOMException with its stack for each (calls of rpc alike).
const heard = new Fault('cancelled', 'a message came');

/** Never ends by itself: throws a Fault when the stream is lost, with code `compacted` when etcd says so. */
export async function* watchSession(endpoint: Endpoint, options: SessionOptions): AsyncGenerator<WatchMessage> {
  const { clock, progressNotifyMs } = options;
  const where = `watch ${options.prefix} at ${endpoint.url}`;
  const stream = await open(endpoint, where);
  const abort = () => stream.cancel();
  options.signal.addEventListener('abort', abort, { once: true });
  try {
    options.signal.throwIfAborted();
    stream.write(createRequest(options));
    const responses = stream[Symbol.asyncIterator]() as AsyncIterator<IWatchResponse>;
    const allowedMs =
      progressNotifyMs === undefined ? pingMs : Math.max(leastSilenceMs, silentIntervals * progressNotifyMs);
    let watchId: string | undefined;
    let fragments: IWatchResponse[] = [];
    let pending: Promise<IteratorResult<IWatchResponse>> | undefined;
    for (;;) {
      pending ??= responses.next();
      const result = await orSilence(pending, watchId === undefined ? createdWithinMs : allowedMs, clock);
      if (result === silence) {
        if (watchId === undefined)
          throw new Fault('unavailable', `etcd: ${where}: not created in ${createdWithinMs} ms`);
        if (progressNotifyMs !== undefined)
          throw new Fault('unavailable', `etcd: ${where}: silent for ${allowedMs} ms`);
        await endpoint.header();
        yield { is: 'alive' };
        continue;
      }
      pending = undefined;
      if (result.done === true) throw new Fault('unavailable', `etcd: ${where}: ended`);
      const response = result.value;
      if (response.created) watchId ??= response.watch_id;
      // A broadcast (-1) answers a manual progress request; etcd before 3.4.25 lets it overtake events.
      if (response.watch_id !== watchId && !response.canceled) continue;
      if (response.canceled) throw canceled(response, where);
      if (response.created) {
        yield { is: 'created' };
        continue;
      }
      fragments.push(response);
      if (response.fragment) continue;
      const events = fragments.flatMap((part) => part.events.map(eventOf));
      fragments = [];
      if (events.length > 0) yield { is: 'events', events };
      else yield { is: 'progress', revision: BigInt(response.header.revision) };
    }
  } catch (thrown) {
    throw failureOf(thrown, where);
  } finally {
    options.signal.removeEventListener('abort', abort);
    stream.cancel();
  }
}

async function open(endpoint: Endpoint, where: string): Promise<ClientDuplexStream<IWatchRequest, IWatchResponse>> {
  try {
    const stream = await endpoint.openWatch();
    // Also after the iterator has let go: a late error must not be an uncaught one.
    stream.on('error', () => undefined);
    return stream;
  } catch (thrown) {
    throw failureOf(thrown, where);
  }
}

function createRequest(options: SessionOptions): IWatchRequest {
  return {
    create_request: {
      key: keyBytes(options.prefix),
      range_end: keyBytes(prefixEnd(options.prefix)),
      start_revision: options.startRevision.toString(),
      progress_notify: true,
      fragment: true,
      prev_kv: false,
    },
  };
}

/** etcd leaves the reason of a compaction empty and only sets the number. */
function canceled(response: IWatchResponse, where: string): Fault {
  if (BigInt(response.compact_revision) !== 0n) {
    return new Fault('compacted', `etcd: ${where}: compacted at ${response.compact_revision}`);
  }
  return new Fault('unavailable', `etcd: ${where}: canceled: ${response.cancel_reason}`);
}

async function orSilence<T>(answer: Promise<T>, withinMs: number, clock: Clock): Promise<T | typeof silence> {
  const answered = new AbortController();
  try {
    return await Promise.race([answer, clock.sleep(withinMs, answered.signal).then((): typeof silence => silence)]);
  } finally {
    answered.abort(heard);
  }
}
