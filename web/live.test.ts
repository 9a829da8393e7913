import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { realClock } from '#internal/clock/clock.ts';
import { Fault, type Reason, refuse } from '#internal/errors/errors.ts';
import { FollowedTunnelsSchema, FollowOwnTunnelsSchema } from '#internal/gen/pop44/v1/live_pb.ts';
import { Refused } from '#internal/rpc/rpc.ts';
import type { Answer, Hears, Question } from './follower.ts';
import { createLive, type Look } from './live.ts';
import type { Visit } from './visit.ts';

const visit = (bearer: string) => ({ bearer }) as Visit;
const clock = { ...realClock, sleep: (_: number, signal?: AbortSignal) => realClock.sleep(5, signal) };

interface Asked {
  readonly question: Question;
  readonly hears: Hears;
  isOpen: boolean;
}

/** A follower that answers what it is told to. */
function follower() {
  const asked: Asked[] = [];
  return {
    asked,
    ask(question: Question, hears: Hears): () => void {
      const one = { question, hears, isOpen: true };
      asked.push(one);
      return () => {
        one.isOpen = false;
      };
    },
  };
}

const answer = (...ids: readonly string[]): Answer => ({
  case: 'tunnels',
  value: create(FollowedTunnelsSchema, { tunnels: ids.map((id) => ({ tunnel: { id } })) }),
});
const ids: Look = (subject) => ({
  about:
    subject === '' ? { case: 'ownTunnels', value: create(FollowOwnTunnelsSchema) } : { case: 'tunnel', value: subject },
  show: (told) => (told.case === 'tunnels' ? told.value.tunnels.map(({ tunnel }) => tunnel?.id) : []),
});
const refused = (reason: Reason): Refused => new Refused(refuse(reason, { problem: 'so it is', cure: '' }));

/** Events of a page until one says this. */
async function until(events: AsyncIterable<string>, word: string): Promise<string> {
  let text = '';
  for await (const each of events) {
    text += each;
    if (text.includes(word)) return text;
  }
  return text;
}
const one = async <T>(of: () => T | undefined): Promise<T> => {
  for (;;) {
    const found = of();
    if (found !== undefined) return found;
    await realClock.sleep(1);
  }
};

test('however many pages of a login are open, one question is asked for all of them', async () => {
  const { asked, ask } = follower();
  const live = createLive(ids, { clock, follower: { ask } });
  const ended = new AbortController();
  const pages = Array.from({ length: 20 }, () => until(live.events(visit('ada'), '', ended.signal), '"last"'));
  const { question, hears } = await one(() => asked[0]);
  expect(question).toMatchObject({ bearer: 'ada', about: { case: 'ownTunnels' } });
  for (const id of ['first', 'second', 'last']) hears.answer(answer(id));
  for (const text of await Promise.all(pages)) expect(text).toMatch(/"first"[^]*"second"[^]*"last"/);
  expect(asked).toHaveLength(1);
  // Nobody looks any more, and nothing is asked.
  await one(() => asked[0]?.isOpen === false || undefined);
  live.close();
});

test('a page that opens later is told at once what the others know', async () => {
  const { asked, ask } = follower();
  const live = createLive(ids, { clock, follower: { ask } });
  const ended = new AbortController();
  const first = until(live.events(visit('ada'), '', ended.signal), 'never');
  (await one(() => asked[0])).hears.answer(answer('known'));
  expect(await until(live.events(visit('ada'), '', new AbortController().signal), '"known"')).toContain('event: state');
  ended.abort();
  await first;
  live.close();
});

test('a page too many is told so and asks nothing; what is the same is not told twice', async () => {
  const { asked, ask } = follower();
  const live = createLive(ids, { clock, follower: { ask } });
  const ended = new AbortController();
  const pages = Array.from({ length: 20 }, (_, at) =>
    until(live.events(visit('ada'), `t${at}`, ended.signal), 'never'),
  );
  await one(() => asked[19]);
  for (let turn = 0; turn < 3; turn += 1)
    expect(await until(live.events(visit('ada'), 'one too many', ended.signal), 'never')).toContain('Too many pages');
  expect(asked.map(({ question }) => question.about.value)).not.toContain('one too many');
  for (const { hears } of asked) for (let turn = 0; turn < 3; turn += 1) hears.answer(answer('same'));
  await realClock.sleep(30);
  ended.abort();
  for (const text of await Promise.all(pages)) expect(text.match(/"same"/g)).toHaveLength(1);
  live.close();
});

test('each subject is a question of its own, and each login', async () => {
  const { asked, ask } = follower();
  const live = createLive(ids, { clock, follower: { ask } });
  const ended = new AbortController();
  const open = (bearer: string, of: string) => until(live.events(visit(bearer), of, ended.signal), 'never');
  const pages = [open('ada', 'a'), open('ada', 'a'), open('ada', 'b'), open('bob', 'a')];
  await one(() => asked[2]);
  expect(asked.map(({ question: { bearer, about } }) => [bearer, about.value])).toEqual([
    ['ada', 'a'],
    ['ada', 'b'],
    ['bob', 'a'],
  ]);
  ended.abort();
  await Promise.all(pages);
  live.close();
});

test('what falls silent is told without a word of any daemon: time passes', async () => {
  const { asked, ask } = follower();
  const start = Date.now();
  const later: Look = (subject) => ({ ...ids(subject), show: (_, now) => (now.getTime() > start ? 'silent' : 'up') });
  let atMs = start;
  const live = createLive(later, { clock: { ...clock, wall: () => new Date(atMs) }, follower: { ask } });
  const ended = new AbortController();
  const page = until(live.events(visit('ada'), '', ended.signal), '"silent"');
  (await one(() => asked[0])).hears.answer(answer('a'));
  atMs += 1_000;
  expect(await page).toMatch(/"up"[^]*"silent"/);
  live.close();
});

test('a stream in which nothing happens lives: proxies and browsers are told', async () => {
  const { ask } = follower();
  const live = createLive(ids, { clock, follower: { ask } });
  expect(await until(live.events(visit('ada'), '', new AbortController().signal), ': alive')).not.toContain('event:');
  live.close();
});

test.each([
  ['unauthenticated', 'Your login has ended'],
  ['not-found', 'not there any more'],
  ['forbidden', 'So it is'],
] as const)('%s ends the pages of its question', async (reason, text) => {
  const { asked, ask } = follower();
  const live = createLive(ids, { clock, follower: { ask } });
  const page = until(live.events(visit('ada'), '', new AbortController().signal), 'never');
  const { hears } = await one(() => asked[0]);
  hears.trouble(new Fault('unavailable', 'a secret of the machine'));
  hears.trouble(refused(reason));
  const told = await page;
  expect(told).toMatch(/event: away[^]*event: ended/);
  expect(told).toContain(text);
  expect(told).not.toContain('secret');
  // Whoever looks again asks again.
  const again = new AbortController();
  const next = until(live.events(visit('ada'), '', again.signal), 'never');
  await one(() => asked[1]);
  again.abort();
  await next;
  live.close();
});

test('daemons that are away end nothing, and what they tell after is shown, be it the same as before', async () => {
  const { asked, ask } = follower();
  const live = createLive(ids, { clock, follower: { ask } });
  const ended = new AbortController();
  const page = until(live.events(visit('ada'), '', ended.signal), 'never');
  const { hears } = await one(() => asked[0]);
  hears.answer(answer('a'));
  hears.trouble(new Fault('unavailable', 'away'));
  hears.trouble(new Fault('unavailable', 'away'));
  await realClock.sleep(30);
  hears.answer(answer('a'));
  await realClock.sleep(30);
  ended.abort();
  expect((await page).match(/^event: \w+/gm)).toEqual(['event: state', 'event: away', 'event: state']);
  live.close();
});
