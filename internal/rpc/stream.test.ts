import { getEventListeners } from 'node:events';
import { Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { send } from './stream.ts';

/** Takes one message each turn of the event loop. */
const slow = (taken: number[]) =>
  new Writable({
    objectMode: true,
    highWaterMark: 4,
    write(message: number, _, done) {
      taken.push(message);
      setImmediate(done);
    },
  });

test('messages are made as the stream takes them, in order, and nothing stays at the signal', async () => {
  const { signal } = new AbortController();
  const taken: number[] = [];
  let ahead = 0;
  const messages = async function* () {
    for (let n = 0; n < 500; n += 1) {
      ahead = Math.max(ahead, n - taken.length);
      yield n;
    }
  };
  await send(messages(), slow(taken), signal);
  await expect.poll(() => taken.length).toBe(500);
  expect(taken).toEqual([...taken].sort((a, b) => a - b));
  expect(ahead).toBeLessThanOrEqual(4);
  expect(getEventListeners(signal, 'abort')).toEqual([]);
});

test('an abort ends the sending while the messages, or the stream, stand still', async () => {
  const ended = new AbortController();
  let returned = false;
  const never: AsyncIterable<number> = {
    [Symbol.asyncIterator]: () => ({
      next: () => new Promise(() => {}),
      return: async () => {
        returned = true;
        return { done: true, value: undefined };
      },
    }),
  };
  const stuck = new Writable({ objectMode: true, highWaterMark: 1, write: () => {} });
  const endless = async function* () {
    for (let n = 0; ; n += 1) yield n;
  };
  const both = Promise.all([send(never, slow([]), ended.signal), send(endless(), stuck, ended.signal)]);
  setImmediate(() => ended.abort());
  await both;
  expect(returned).toBe(true);
  expect(getEventListeners(ended.signal, 'abort')).toEqual([]);
});

test('what the messages throw is thrown', async () => {
  const broken = async function* () {
    yield 1;
    throw new Error('broken');
  };
  await expect(send(broken(), slow([]), new AbortController().signal)).rejects.toThrow('broken');
});
