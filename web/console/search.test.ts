import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import type { Client } from '#internal/client/client.ts';
import { realClock } from '#internal/clock/clock.ts';
import { refuse } from '#internal/errors/errors.ts';
import { TunnelSchema } from '#internal/gen/pop44/v1/tunnels_pb.ts';
import { Refused } from '#internal/rpc/rpc.ts';
import { recorder } from '#internal/testkit/recorder.ts';
import { createSearch } from './search.ts';

const count = 10_000;
const tunnels = Array.from({ length: count }, (_, at) =>
  create(TunnelSchema, {
    ...{
      id: at.toString(16).padStart(12, '0'),
      name: `station-${at}`,
      owner: `user/${(at % 700).toString(16).padStart(12, '0')}`,
    },
    ...{ publicKey: `${'A'.repeat(40)}${at}`, enabled: true, popIds: [`p${at % 5}`] },
    prefixes: [`44.${at >> 14}.${(at >> 8) & 255}.${at & 255}/32`, `2001:db8:44:${at.toString(16)}::/64`],
  }),
);
const users = [{ id: 'x', owner: tunnels[5]?.owner ?? '', callsign: 'OE1ADA' }];

function scene() {
  let nowMs = 0;
  const answers = { listTunnels: { tunnels } as object, listUsers: { users } };
  const { client, sent } = recorder(answers);
  const search = createSearch({ ...realClock, monotonicMs: () => nowMs });
  const find = (query: string, page = 1, bearer = 'ada') => search.find({ client, call: {}, bearer }, query, page);
  const lists = () => sent.filter(({ method }) => method === 'listTunnels').length;
  return { find, lists, search, answers, pass: (ms: number) => (nowMs += ms) };
}

test('10,000 tunnels are found by name, callsign, address, PoP and key', async () => {
  const { find } = scene();
  expect(await find('')).toMatchObject({ all: count, matches: count, pages: 200 });
  expect((await find('station-77 ')).matches).toBe(111);
  expect((await find('oe1ada')).rows.every(({ owner }) => owner === 'OE1ADA')).toBe(true);
  expect((await find('44.0.39.')).matches).toBe(16);
  expect((await find('p3 station-9998')).matches).toBe(1);
  expect(await find('no such thing', 7)).toMatchObject({ matches: 0, page: 1, pages: 1, rows: [] });
});

test('pages beyond the last are the last', async () => {
  const { find } = scene();
  expect((await find('', 10_000)).page).toBe(200);
  expect((await find('', -3)).page).toBe(1);
});

test('keystrokes cost daemons nothing; each login sees its own list; a change is seen at once', async () => {
  const { find, lists, search, pass } = scene();
  for (const query of ['s', 'st', 'sta']) await find(query);
  expect(lists()).toBe(1);
  await find('s', 1, 'eve');
  expect(lists()).toBe(2);
  pass(5_001);
  await find('s');
  expect(lists()).toBe(3);
  search.forget('ada');
  await find('s');
  expect(lists()).toBe(4);
});

test('no keystroke waits for a list that is read again, however long that takes', async () => {
  const answers: PromiseWithResolvers<object>[] = [];
  const page = (name: string) => ({ tunnels: [create(TunnelSchema, { id: name, name })], nextPageToken: '' });
  const client = {
    tunnels: {
      listTunnels: () => {
        const answer = Promise.withResolvers<object>();
        answers.push(answer);
        return answer.promise;
      },
    },
    people: { listUsers: async () => ({ users: [], nextPageToken: '' }) },
  } as unknown as Client;
  let nowMs = 0;
  const search = createSearch({ ...realClock, monotonicMs: () => nowMs });
  const find = async () => (await search.find({ client, call: {}, bearer: 'ada' }, '', 1)).rows.map(({ name }) => name);
  const first = find();
  answers[0]?.resolve(page('old'));
  expect(await first).toEqual(['old']);
  // Asked again, not answered yet: the second keystroke no more waits for it than the first, and nobody asks twice.
  for (nowMs of [5_001, 11_000, 30_000]) expect(await find()).toEqual(['old']);
  expect(answers).toHaveLength(2);
  answers[1]?.resolve(page('new'));
  for (let turn = 0; turn < 1_000 && (await find())[0] !== 'new'; turn += 1) await realClock.sleep(1);
  expect(await find()).toEqual(['new']);
  // It was long to read, and is read again the more seldom: each 30 s.
  nowMs = 35_000;
  await find();
  expect(answers).toHaveLength(2);
  nowMs = 35_002;
  await find();
  expect(answers).toHaveLength(3);
  // Nobody has looked for a minute.
  nowMs += 60_001;
  const late = find();
  answers.at(-1)?.resolve(page('newest'));
  expect(await late).toEqual(['newest']);
});

test('a login that has ended is shown no list any more', async () => {
  const { find, pass, answers } = scene();
  await find('');
  Object.assign(answers, { listTunnels: new Refused(refuse('unauthenticated', { problem: 'has ended', cure: '' })) });
  pass(5_001);
  await find('');
  await realClock.sleep(0);
  await expect(find('')).rejects.toThrow('has ended');
});
