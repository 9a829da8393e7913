// Outbox: what is to be sent over a stream, together whatever one turn of the event loop brings. A message costs a
// stream about 30 µs whatever is in it, of which a busy daemon has thousands a second (FIELD-NOTES, etcd 6).

export interface Outbox<T> {
  push(item: T): void;
  /** After what is in it has been taken. */
  end(): void;
  /** To be iterated once. */
  batches(): AsyncGenerator<readonly T[], void, undefined>;
}

/** @param most items in a batch; the rest comes in the next */
export function createOutbox<T>(most: number): Outbox<T> {
  let waiting: T[] = [];
  let ended = false;
  let wake: (() => void) | undefined;
  return {
    push(item) {
      waiting.push(item);
      wake?.();
    },
    end() {
      ended = true;
      wake?.();
    },
    async *batches() {
      for (;;) {
        if (waiting.length === 0) {
          if (ended) return;
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
          wake = undefined;
          // What else comes in this turn goes along.
          await new Promise<void>((resolve) => setImmediate(resolve));
        }
        const batch = waiting.slice(0, most);
        waiting = waiting.slice(most);
        if (batch.length > 0) yield batch;
      }
    },
  };
}
