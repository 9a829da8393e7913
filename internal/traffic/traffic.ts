// Traffic: how many bytes of each tunnel this node has carried, over restarts of both halves and of WireGuard.
//
// On the path: the counters of peers come in, as WireGuard has them; totals of tunnels are kept on the node's disk, and
// other nodes ask for them. Each node keeps its own part; the sum over nodes is a tunnel's.
// Never: in etcd, and never a walk over tunnels that carried nothing.

import type { Clock } from '#internal/clock/clock.ts';
import { type Bytes, createBook, type Reading } from './book.ts';
import { openJournal } from './journal.ts';
import { type Carried, createRates } from './rates.ts';

export type { Bytes, Reading } from './book.ts';
export { createHandshakeCount } from './handshake-count.ts';
export { mostBusiest } from './rates.ts';

export interface TrafficParts {
  /** On the node's disk; made when it is not there. */
  readonly file: string;
  readonly clock: Clock;
  /** Whether there is such a tunnel. What is not known and has not been counted for 30 days is forgotten. */
  readonly known: (tunnelId: string) => boolean;
  /** The disk failed; what was counted stays in memory and is written with the next. Told once a row of failures. */
  readonly failed: (cause: unknown) => void;
}

export interface Traffic {
  /** Counters of peers that have moved. O(readings). */
  take(readings: readonly Reading[]): void;
  /** Undefined: nothing passed here. */
  of(tunnelId: string): Bytes | undefined;
  /** How much is carried now; the same value until the counters are told again. */
  now(): Carried;
  /** Writes what is not written yet. */
  close(): Promise<void>;
}

/** Between two writes: what a machine that loses its power forgets. */
const writeMs = 15_000;
const forgetMs = 30 * 86_400_000;

export async function openTraffic({ file, clock, known, failed }: TrafficParts): Promise<Traffic> {
  const book = createBook();
  const rates = createRates();
  const journal = await openJournal(file, (line) => book.read(line));
  const closed = new AbortController();
  let blind = false;
  let writing: Promise<void> | undefined;

  async function write(): Promise<void> {
    const oldest = clock.wall().getTime() - forgetMs;
    const due = book.changed();
    try {
      await journal.append(due.map(book.line), () => {
        for (const id of book.ids()) if (!known(id) && (book.of(id)?.lastMs ?? 0) < oldest) book.forget(id);
        return [...book.ids()].map(book.line);
      });
      blind = false;
    } catch (cause) {
      book.owe(due);
      if (!blind) failed(cause);
      blind = true;
    }
  }

  function writeLater(): void {
    writing ??= clock
      .sleep(writeMs, closed.signal)
      .then(write, () => undefined)
      .finally(() => {
        writing = undefined;
        if (book.owes() && !closed.signal.aborted) writeLater();
      });
  }

  return {
    take: (readings) => {
      rates.take(book.take(readings, clock.wall().getTime()), clock.monotonicMs());
      if (book.owes()) writeLater();
    },
    of: (tunnelId) => book.of(tunnelId),
    now: () => rates.now(clock.monotonicMs()),
    close: async () => {
      closed.abort(new Error('closed'));
      await writing;
      if (book.owes()) await write();
    },
  };
}
