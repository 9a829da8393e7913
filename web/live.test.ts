import { expect, test } from 'vitest';
import type { Client } from '#internal/client/client.ts';
import { realClock } from '#internal/clock/clock.ts';
import { refuse } from '#internal/errors/errors.ts';
import { Refused } from '#internal/rpc/rpc.ts';
import { createLive, type Look } from './live.ts';
import type { Visit } from './visit.ts';

const visit = (bearer: string) => ({ bearer }) as Visit;
const client = () => ({}) as Client;
const clock = { ...realClock, sleep: (_: number, signal?: AbortSignal) => realClock.sleep(5, signal) };

/** Events of a page until one says this. */
async function until(events: AsyncIterable<string>, word: string): Promise<string> {
  let text = '';
  for await (const each of events) {
    text += each;
    if (text.includes(word)) return text;
  }
  return text;
}

test('however many pages of a login are open, daemons are asked once for all of them', async () => {
  const asked = new Map<string, number>();
  let turn = 0;
  const look: Look =
    () =>
    async (_, { bearer = '' }) => {
      asked.set(bearer, (asked.get(bearer) ?? 0) + 1);
      turn += 1;
      return { turn };
    };
  const live = createLive(look, { clock, client });
  const ended = new AbortController();
  const pages = Array.from({ length: 20 }, () => until(live.events(visit('ada'), '', ended.signal), '"turn":9'));
  await Promise.all(pages);
  // Twenty pages have each heard of all nine turns.
  expect(asked.get('ada')).toBeLessThanOrEqual(12);
  const before = turn;
  await realClock.sleep(50);
  // Nobody looks any more, and nobody is asked.
  expect(turn).toBeLessThanOrEqual(before + 1);
  live.close();
});

test('a page too many is told so, and what is the same is not told twice', async () => {
  let turns = 0;
  const live = createLive(() => async () => ((turns += 1), 'same'), { clock, client });
  const ended = new AbortController();
  const pages = Array.from({ length: 20 }, () => until(live.events(visit('ada'), '', ended.signal), 'never'));
  await realClock.sleep(20);
  expect(await until(live.events(visit('ada'), '', ended.signal), 'never')).toContain('Too many pages');
  while (turns < 5) await realClock.sleep(5);
  ended.abort();
  for (const text of await Promise.all(pages)) expect(text.match(/"same"/g)).toHaveLength(1);
  live.close();
});

test('what one subject shows is asked once for all its pages, and each subject for itself', async () => {
  const asked: string[] = [];
  const look: Look = (subject) => async () => {
    asked.push(subject);
    return asked.length;
  };
  const live = createLive(look, { clock, client });
  const ended = new AbortController();
  const pages = ['a', 'a', 'b'].map((of) => until(live.events(visit('ada'), of, ended.signal), 'never'));
  while (asked.length < 6) await realClock.sleep(1);
  ended.abort();
  await Promise.all(pages);
  expect(Math.abs(asked.filter((of) => of === 'a').length - asked.filter((of) => of === 'b').length)).toBeLessThan(2);
  live.close();
});

test('a page too many asks nobody anything', async () => {
  const asked: string[] = [];
  const live = createLive((subject) => async () => asked.push(subject), { clock, client });
  const ended = new AbortController();
  const open = (of: string) => until(live.events(visit('eve'), of, ended.signal), 'Too many');
  const pages = Array.from({ length: 20 }, (_, at) => open(`t${at}`));
  while (asked.length < 20) await realClock.sleep(1);
  for (let turn = 0; turn < 3; turn += 1) expect(await open('one too many')).toContain('Too many pages');
  expect(asked).not.toContain('one too many');
  ended.abort();
  await Promise.all(pages);
  live.close();
});

test('an instance has a budget: the more logins look, the more seldom each is asked for', async () => {
  const waits: number[] = [];
  const slow = {
    ...realClock,
    sleep: (ms: number, signal?: AbortSignal) => (waits.push(ms), realClock.sleep(1e9, signal)),
  };
  const live = createLive(() => async () => 'same', { clock: slow, client });
  const ended = new AbortController();
  const pages = Array.from({ length: 500 }, (_, at) =>
    until(live.events(visit(`login${at}`), '', ended.signal), 'never'),
  );
  while (waits.length < 500) await realClock.sleep(1);
  ended.abort();
  await Promise.all(pages);
  // 500 logins each 5 s are 100 questions a second.
  expect(Math.max(...waits)).toBe(5_000);
  expect(Math.min(...waits)).toBeGreaterThanOrEqual(2_000);
  live.close();
});

test('a login that ends, ends its pages; daemons that are away do not', async () => {
  const thrown = [
    new Error('a secret of the machine'),
    new Refused(refuse('unauthenticated', { problem: 'ended', cure: '' })),
  ];
  const live = createLive(
    () => async () => {
      throw thrown.shift() ?? new Error('asked again');
    },
    { clock, client },
  );
  const text = await until(live.events(visit('ada'), '', new AbortController().signal), 'never');
  expect(text).toMatch(/event: away[^]*event: ended/);
  expect(text).not.toContain('secret');
});
