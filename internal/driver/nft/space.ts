// Space: what we know and keep of one namespace's nftables.

import { readFileSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '#internal/clock/clock.ts';
import type { Element, Netns } from '#internal/dataplane/dataplane.ts';
import { messageOf } from '#internal/errors/errors.ts';
import type { Log } from '#internal/log/log.ts';
import { openSession, type Session } from './session.ts';
import { openWatch, type Watch } from './watch.ts';

/** The kernel's listing says the same as the text in other words; only it knows which. */
export interface Applied {
  readonly text: string;
  /** What observe.ts lists right after the text was applied. */
  readonly listing: string;
}

export interface Space {
  readonly netns: Netns;
  readonly path: string;
  /** By key; undefined: somebody changed something, they must be read. */
  elements: Map<string, Element> | undefined;
  /** The listing of our table, while nobody but us can have changed it; undefined: it must be read. */
  listed: string | undefined;
  /** Sources that have shaken hands, and when (monotonic, ms), oldest first: told again to a table that begins anew. */
  readonly known: Map<string, number>;
  /** The lease was begun by us and not ended: a table that is made anew has it again. */
  leased: boolean;
  applied(): Applied | undefined;
  remember(applied: Applied | undefined): Promise<void>;
  /** The kept `nft -i`, watched by a kept `nft monitor`; both are started anew when one of them died. */
  session(): Promise<Session>;
  disturb(reason: string): void;
  /** One at a time: an observation never falls into a change. */
  exclusive<T>(work: () => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** As many as a device holds peers. */
const mostKnown = 65_536;
/** The set's own timeout. */
const knownForMs = 24 * 3_600_000;

/** Notes them as the newest, and lets go of what is too old or too many. */
export function noteKnown(known: Map<string, number>, addresses: readonly string[], nowMs: number): void {
  for (const address of addresses) {
    known.delete(address);
    known.set(address, nowMs);
  }
  for (const [address, at] of known) {
    if (known.size <= mostKnown && nowMs - at < knownForMs) break;
    known.delete(address);
  }
}

export interface SpaceOptions {
  readonly netns: Netns;
  readonly path: string;
  readonly stateDir: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly disturb: (reason: string) => void;
}

function readApplied(file: string): Applied | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Applied;
  } catch {
    // Absent or torn: the first comparison applies the text again.
    return undefined;
  }
}

/** Transactions of one `nft -i`: it remembers its commands (measured: 130 bytes each for small ones). */
const mostTransactions = 100_000;

export function createSpace(options: SpaceOptions): Space {
  const { netns, path, stateDir, clock, log } = options;
  const file = join(stateDir, `nft-${netns}.json`);
  let applied = readApplied(file);
  let kept: { session: Session; watch: Watch } | undefined;
  let transactions = 0;
  let closed = false;
  let queue: Promise<unknown> = Promise.resolve();

  const stop = async (): Promise<void> => {
    const old = kept;
    kept = undefined;
    await Promise.all([old?.session.stop(), old?.watch.stop()]);
  };
  const start = async (): Promise<Session> => {
    const forget = (): void => {
      space.elements = undefined;
      space.listed = undefined;
    };
    const onExit = (reason: string): void => {
      forget();
      if (kept === undefined || closed) return;
      log.warn('nft-ended', { netns, reason });
      void stop().catch((error: unknown) => log.warn('nft-stop', { netns, reason: messageOf(error) }));
    };
    const onChange = (reason: string): void => {
      forget();
      space.disturb(reason);
    };
    const session = await openSession({ netns: path, file: join(stateDir, `nft-${netns}.nft`), onExit });
    const watch = await openWatch({ netns: path, clock, onChange, onExit });
    kept = { session, watch };
    // What happened while nobody watched is unknown.
    forget();
    transactions = 0;
    await watch.recognise(session);
    return session;
  };

  const space: Space = {
    netns,
    path,
    elements: undefined,
    listed: undefined,
    known: new Map(),
    leased: false,
    applied: () => applied,
    async remember(next) {
      applied = next;
      space.listed = undefined;
      await writeFile(`${file}.new`, JSON.stringify(next ?? null), { mode: 0o600 });
      await rename(`${file}.new`, file);
    },
    async session() {
      transactions += 1;
      if (transactions > mostTransactions) await stop();
      return kept?.session ?? start();
    },
    disturb: (reason) => options.disturb(`${netns}: ${reason}`),
    exclusive(work) {
      const turn = queue.then(work);
      queue = turn.catch(() => undefined);
      return turn;
    },
    async close() {
      closed = true;
      await queue;
      await stop();
    },
  };
  return space;
}
