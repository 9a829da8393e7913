// Stream: grpc-js's object streams as async iterables, with their backpressure.

import type { Readable, Writable } from 'node:stream';
import { Fault } from '#internal/errors/errors.ts';

const aborted = Symbol('aborted');

/**
 * What the work gives, or `aborted` when the signal is sooner. Leaves nothing at the signal: a race against one promise
 * of an abort would keep a reaction for every message of a stream that lasts for months.
 */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T | typeof aborted> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => resolve(aborted);
    const done = (): void => signal.removeEventListener('abort', onAbort);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    work.then(resolve, reject).finally(done);
  });
}

/**
 * Messages as they come. Ends when the other side has ended its half; throws Fault `cancelled` when the call was cut.
 * Leaving it early does not end the other direction.
 */
export async function* received<T>(stream: Readable, signal: AbortSignal): AsyncGenerator<T, void, undefined> {
  try {
    for await (const message of stream.iterator({ destroyOnReturn: false })) yield message;
  } catch (thrown) {
    if (signal.aborted) throw new Fault('cancelled', 'the call was cut', thrown);
    throw thrown;
  }
}

/**
 * Writes messages as they are made, never more than the stream's high water mark ahead of the network.
 * Gives back at the end of `messages` or on abort; `messages` is then told to return. Does not end the stream.
 */
export async function send<T>(messages: AsyncIterable<T>, stream: Writable, signal: AbortSignal): Promise<void> {
  const iterator = messages[Symbol.asyncIterator]();
  for (;;) {
    const next = await unlessAborted(iterator.next(), signal);
    if (next === aborted) {
      // Not awaited: a generator that waits for something else returns only after that.
      iterator.return?.()?.then(undefined, () => {});
      return;
    }
    if (next.done === true) return;
    if (!stream.write(next.value)) await unlessAborted(drained(stream), signal);
  }
}

function drained(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      stream.off('drain', done);
      stream.off('close', done);
      resolve();
    };
    stream.on('drain', done);
    stream.on('close', done);
  });
}
