// Live: what goes on, as events of a page. However many pages of a login show the same, daemons are asked once for all of them,
// and the more logins look, the more seldom each is asked for: an instance has a budget.

import type { Client } from '#internal/client/client.ts';
import type { Clock } from '#internal/clock/clock.ts';
import { Fault } from '#internal/errors/errors.ts';
import { type CallOptions, createOutbox, type Outbox } from '#internal/rpc/rpc.ts';
import type { Visit } from './visit.ts';
import { troubleOf } from './words.ts';

/** What pages show of a subject: asked again and again while one is open. Empty: what the site is about as a whole. */
export type Look = (subject: string) => (client: Client, call: CallOptions, now: Date) => Promise<unknown>;

export interface Live {
  /** Events of one page, each with what `look` gave, when it is another than before. Ends with the login and with the subject. */
  events(visit: Pick<Visit, 'bearer'>, subject: string, signal: AbortSignal): AsyncIterable<string>;
  close(): void;
}

interface Watch {
  readonly pages: Set<Outbox<string>>;
  readonly ended: AbortController;
  last: string;
}

const everyMs = 2_000;
/** Between two questions of an instance to its daemons, in the mean, however many logins look: 100 a second. */
const apartMs = 10;
const batch = 16;
/** A comment line, so that proxies and browsers see that the stream lives. */
const aliveEveryMs = 20_000;
/** Of one login, and of an instance: fewer than the connections that a listener takes, so that pages still open then. */
const mostPagesOfOne = 20;
const mostPages = 3_000;

const event = (name: string, data: unknown): string => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;

export function createLive(
  look: Look,
  { clock, client }: { readonly clock: Clock; readonly client: () => Client },
): Live {
  const watches = new Map<string, Watch>();
  const pagesOf = new Map<string, number>();
  let pages = 0;

  /** What pages are told now, and whether it is the last thing. */
  async function asked(ask: ReturnType<Look>, call: CallOptions): Promise<readonly [told: string, isLast: boolean]> {
    try {
      return [event('state', await ask(client(), call, clock.wall())), false];
    } catch (thrown) {
      const trouble = troubleOf(thrown);
      if (trouble?.loggedOut === true) return [event('ended', 'Your login has ended. Log in again.'), true];
      if (trouble?.status === 404) return [event('ended', 'This is not there any more.'), true];
      return [event('away', trouble?.text ?? 'The server could not look.'), false];
    }
  }

  async function follow(bearer: string, subject: string, watch: Watch): Promise<void> {
    const { signal } = watch.ended;
    const ask = look(subject);
    let silentMs = 0;
    while (!signal.aborted) {
      const [told, isLast] = await asked(ask, { bearer, signal });
      const isNew = told !== watch.last;
      if (isNew || silentMs >= aliveEveryMs) {
        for (const page of watch.pages) page.push(isNew ? told : ': alive\n\n');
        silentMs = 0;
      }
      watch.last = told;
      if (isLast) for (const page of watch.pages) page.end();
      if (isLast) return;
      const waitMs = Math.max(everyMs, watches.size * apartMs);
      await clock.sleep(waitMs, signal);
      silentMs += waitMs;
    }
  }

  function watchOf(bearer: string, subject: string): Watch {
    const key = `${bearer} ${subject}`;
    const before = watches.get(key);
    if (before !== undefined) return before;
    const watch: Watch = { pages: new Set(), ended: new AbortController(), last: '' };
    const forget = (): void => {
      if (watches.get(key) === watch) watches.delete(key);
    };
    watches.set(key, watch);
    watch.ended.signal.addEventListener('abort', forget);
    // Its end by the signal is no failure.
    void follow(bearer, subject, watch)
      .catch(() => undefined)
      .finally(forget);
    return watch;
  }

  const count = (bearer: string, more: 1 | -1): void => {
    const now = (pagesOf.get(bearer) ?? 0) + more;
    if (now === 0) pagesOf.delete(bearer);
    else pagesOf.set(bearer, now);
    pages += more;
  };

  return {
    async *events({ bearer = '' }, subject, signal) {
      // Before anything is asked: who opens too many costs daemons nothing.
      if ((pagesOf.get(bearer) ?? 0) >= mostPagesOfOne || pages >= mostPages) {
        // A browser comes back by itself: not each few seconds.
        yield `retry: 60000\n${event('away', 'Too many pages are open.')}`;
        return;
      }
      const watch = watchOf(bearer, subject);
      const page = createOutbox<string>(batch);
      watch.pages.add(page);
      count(bearer, 1);
      if (watch.last !== '') page.push(watch.last);
      signal.addEventListener('abort', () => page.end(), { once: true });
      if (signal.aborted) page.end();
      try {
        yield 'retry: 3000\n\n';
        for await (const events of page.batches()) yield events.join('');
      } finally {
        count(bearer, -1);
        watch.pages.delete(page);
        if (watch.pages.size === 0) watch.ended.abort(new Fault('cancelled', 'nobody looks any more'));
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
