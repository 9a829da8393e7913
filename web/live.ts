// Live: what goes on, as events of a page. However many pages of a login show the same, a daemon is asked one question for all
// of them, and all questions of an instance go over one stream (follower.ts).

import type { Clock } from '#internal/clock/clock.ts';
import { Fault } from '#internal/errors/errors.ts';
import { createOutbox, type Outbox } from '#internal/rpc/rpc.ts';
import type { Answer, Follower, Question } from './follower.ts';
import type { Visit } from './visit.ts';
import { troubleOf } from './words.ts';

/** What pages show of a subject while one is open. Empty: what the site is about as a whole. */
export type Look = (subject: string) => {
  readonly about: Question['about'];
  /** Time passes where nothing else does: what was up falls silent. */
  show(answer: Answer, now: Date): unknown;
};

export interface Live {
  /** Events of one page, each with what its look shows, when it is another than before. Ends with the login and with the subject. */
  events(visit: Pick<Visit, 'bearer'>, subject: string, signal: AbortSignal): AsyncIterable<string>;
  close(): void;
}

interface Watch {
  readonly pages: Set<Outbox<string>>;
  readonly ended: AbortController;
  answer: Answer | undefined;
  last: string;
}

const everyMs = 2_000;
const batch = 16;
/** A comment line, so that proxies and browsers see that the stream lives. */
const aliveEveryMs = 20_000;
/** Of one login, and of an instance: fewer than the connections that a listener takes, so that pages still open then. */
const mostPagesOfOne = 20;
const mostPages = 3_000;

const event = (name: string, data: unknown): string => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;

/** What pages are told of trouble, and whether it is the last thing. */
function toldOf(thrown: unknown): readonly [told: string, isLast: boolean] {
  const trouble = troubleOf(thrown);
  if (trouble?.loggedOut === true) return [event('ended', 'Your login has ended. Log in again.'), true];
  if (trouble?.status === 404) return [event('ended', 'This is not there any more.'), true];
  // Refused for good, as when a role was taken away; what failed is asked again.
  if (!(thrown instanceof Fault)) return [event('ended', trouble?.text ?? 'The server could not look.'), true];
  return [event('away', trouble?.text ?? 'The server could not look.'), false];
}

export function createLive(
  look: Look,
  { clock, follower }: { readonly clock: Clock; readonly follower: Pick<Follower, 'ask'> },
): Live {
  const watches = new Map<string, Watch>();
  const pagesOf = new Map<string, number>();
  let pages = 0;

  function tell(watch: Watch, told: string): boolean {
    if (told === watch.last) return false;
    watch.last = told;
    for (const page of watch.pages) page.push(told);
    return true;
  }

  async function follow(bearer: string, subject: string, watch: Watch): Promise<void> {
    const { signal } = watch.ended;
    const { about, show } = look(subject);
    const shown = (): boolean =>
      watch.answer !== undefined && tell(watch, event('state', show(watch.answer, clock.wall())));
    const takeBack = follower.ask(
      { bearer, about },
      {
        answer(answer) {
          watch.answer = answer;
          shown();
        },
        trouble(thrown) {
          // What was known is old now, and is not shown again before it is known anew.
          watch.answer = undefined;
          const [told, isLast] = toldOf(thrown);
          tell(watch, told);
          if (!isLast) return;
          for (const page of watch.pages) page.end();
          watch.ended.abort(new Fault('cancelled', 'there is nothing more to tell'));
        },
      },
    );
    signal.addEventListener('abort', takeBack, { once: true });
    if (signal.aborted) takeBack();
    for (let silentMs = 0; ; ) {
      await clock.sleep(everyMs, signal);
      silentMs = shown() ? 0 : silentMs + everyMs;
      if (silentMs < aliveEveryMs) continue;
      for (const page of watch.pages) page.push(': alive\n\n');
      silentMs = 0;
    }
  }

  function watchOf(bearer: string, subject: string): Watch {
    const key = `${bearer} ${subject}`;
    const before = watches.get(key);
    if (before !== undefined) return before;
    const watch: Watch = { pages: new Set(), ended: new AbortController(), answer: undefined, last: '' };
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
