// Live: what goes on, as events of a page. However many pages of a login are open, daemons are asked once for all of them.

import type { Client } from '#internal/client/client.ts';
import type { Clock } from '#internal/clock/clock.ts';
import { Fault } from '#internal/errors/errors.ts';
import { type CallOptions, createOutbox, type Outbox } from '#internal/rpc/rpc.ts';
import type { Visit } from './visit.ts';
import { troubleOf } from './words.ts';

/** Asks what the pages of a login show. */
export type Look = (client: Client, call: CallOptions, now: Date) => Promise<unknown>;

export interface Live {
  /** Events of one page, each with what `look` gave, when it is another than before. Ends with the login. */
  events(visit: Visit, signal: AbortSignal): AsyncIterable<string>;
  close(): void;
}

interface Watch {
  readonly pages: Set<Outbox<string>>;
  readonly ended: AbortController;
  last: string;
}

const everyMs = 2_000;
const batch = 16;
/** A comment line, so that proxies and browsers see that the stream lives. */
const aliveEveryMs = 20_000;
/** Of one login, and of an instance. */
const mostPagesOfOne = 20;
const mostPages = 5_000;

const event = (name: string, data: unknown): string => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;

export function createLive(
  look: Look,
  { clock, client }: { readonly clock: Clock; readonly client: () => Client },
): Live {
  const watches = new Map<string, Watch>();
  let pages = 0;

  /** What pages are told now, and whether it is the last thing. */
  async function asked(call: CallOptions): Promise<readonly [told: string, isLast: boolean]> {
    try {
      return [event('state', await look(client(), call, clock.wall())), false];
    } catch (thrown) {
      const trouble = troubleOf(thrown);
      const isLast = trouble?.loggedOut === true;
      return [event(isLast ? 'ended' : 'away', trouble?.text ?? 'The server could not look.'), isLast];
    }
  }

  async function follow(bearer: string, watch: Watch): Promise<void> {
    const { signal } = watch.ended;
    for (let silentMs = 0; !signal.aborted; silentMs += everyMs) {
      const [told, isLast] = await asked({ bearer, signal });
      const isNew = told !== watch.last;
      if (isNew || silentMs >= aliveEveryMs) {
        for (const page of watch.pages) page.push(isNew ? told : ': alive\n\n');
        silentMs = 0;
      }
      watch.last = told;
      if (isLast) for (const page of watch.pages) page.end();
      if (isLast) return;
      await clock.sleep(everyMs, signal);
    }
  }

  function watchOf(bearer: string): Watch {
    const before = watches.get(bearer);
    if (before !== undefined) return before;
    const watch: Watch = { pages: new Set(), ended: new AbortController(), last: '' };
    watches.set(bearer, watch);
    // Its end by the signal is no failure.
    void follow(bearer, watch)
      .catch(() => undefined)
      .finally(() => {
        if (watches.get(bearer) === watch) watches.delete(bearer);
      });
    return watch;
  }

  return {
    async *events({ bearer = '' }, signal) {
      const watch = watchOf(bearer);
      if (watch.pages.size >= mostPagesOfOne || pages >= mostPages) {
        yield event('away', 'Too many pages are open.');
        return;
      }
      const page = createOutbox<string>(batch);
      watch.pages.add(page);
      pages += 1;
      if (watch.last !== '') page.push(watch.last);
      signal.addEventListener('abort', () => page.end(), { once: true });
      if (signal.aborted) page.end();
      try {
        yield 'retry: 3000\n\n';
        for await (const events of page.batches()) yield events.join('');
      } finally {
        pages -= 1;
        watch.pages.delete(page);
        if (watch.pages.size === 0) {
          watches.delete(bearer);
          watch.ended.abort(new Fault('cancelled', 'nobody looks any more'));
        }
      }
    },
    close() {
      for (const watch of watches.values()) {
        watch.ended.abort(new Fault('cancelled', 'the server ends'));
        for (const page of watch.pages) page.end();
      }
    },
  };
}
