// Stream: grpc-js's object streams as async iterables, with their backpressure.

import type { Readable, Writable } from 'node:stream';
import { Fault } from '#internal/errors/errors.ts';

/** The promise of an abort, and its undoing (an unresolved race would keep the listener for ever). */
function aborted(signal: AbortSignal): { readonly promise: Promise<'aborted'>; forget(): void } {
  let listener = (): void => {};
  const promise = new Promise<'aborted'>((resolve) => {
    listener = () => resolve('aborted');
    if (signal.aborted) listener();
    else signal.addEventListener('abort', listener, { once: true });
  });
  return { promise, forget: () => signal.removeEventListener('abort', listener) };
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
  const abort = aborted(signal);
  try {
    for (;;) {
      const next = await Promise.race([iterator.next(), abort.promise]);
      if (next === 'aborted') {
        // Not awaited: a generator that waits for something else returns only after that.
        iterator.return?.()?.then(undefined, () => {});
        return;
      }
      if (next.done === true) return;
      if (!stream.write(next.value)) await Promise.race([drained(stream), abort.promise]);
    }
  } finally {
    abort.forget();
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
