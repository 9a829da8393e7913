//   a follower of pop44-web -- mutual TLS --> two APIs on one store in memory

import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { create } from '@bufbuild/protobuf';
import { type Client, openClient } from '#internal/client/client.ts';
import { realClock } from '#internal/clock/clock.ts';
import type { Fault } from '#internal/errors/errors.ts';
import { FollowOwnTunnelsSchema } from '#internal/gen/pop44/v1/live_pb.ts';
import type { Refused } from '#internal/rpc/rpc.ts';
import { goodPassword, newSecret } from '#internal/testkit/accounts.ts';
import { openCutter } from '#internal/testkit/cutter.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { publicKey } from '#internal/testkit/requests.ts';
import { type WebScene, webScene } from '#internal/testkit/web-scene.ts';
import { type Answer, createFollower, type Follower } from './follower.ts';

const withinMs = 10_000;
const about = { case: 'ownTunnels', value: create(FollowOwnTunnelsSchema) } as const;
let scene: WebScene;
let client: Client;
let bearer = '';
let follower: Follower;
const left: string[] = [];

beforeAll(async () => {
  scene = await webScene();
  const { people } = scene.client;
  await people.bootstrap({ callsign: 'OE1ADM', email: 'adm@example.org', password: goodPassword });
  const made = newSecret();
  await people.login({ name: 'OE1ADM', password: goodPassword, secretHash: made.secretHash, label: 'test' });
  bearer = made.bearer;
});
afterEach(() => {
  follower.close();
  client.close();
  left.length = 0;
});
afterAll(() => scene[Symbol.asyncDispose]());

/** Nobody listens there (RFC 6335: reserved). */
const nobody = { node: 'p9', address: '127.0.0.1:1' };

function following(daemons: readonly { readonly node: string; readonly address: string }[]): Follower {
  client = openClient({ ...scene.settings.context, daemons });
  const nodes = daemons.map(({ node }) => node);
  const around = { clock: realClock, client: () => client, nodes, left: (node: string) => left.push(node) };
  follower = createFollower(around);
  return follower;
}

function listening() {
  const answers: Answer[] = [];
  const troubles: (Refused | Fault)[] = [];
  return {
    answers,
    troubles,
    answer: (each: Answer) => answers.push(each),
    trouble: (each: Refused | Fault) => troubles.push(each),
  };
}
const daemons = () => scene.network.daemons;

test('however many ask, a daemon has one stream of it, and none once it is closed', async () => {
  const before = daemons().map(({ requests }) => requests.length);
  const asking = following(daemons());
  const pages = Array.from({ length: 100 }, listening);
  for (const page of pages) asking.ask({ bearer, about }, page);
  for (const page of pages) await eventually(() => page.answers.length === 1, withinMs);
  expect(daemons().map(({ requests }, at) => requests.slice(before[at]))).toEqual([['LiveService.Follow'], []]);
});

test('what is taken back is not heard of again; what stays is', async () => {
  const asking = following(daemons());
  const [stays, goes] = [listening(), listening()];
  asking.ask({ bearer, about }, stays);
  const takeBack = asking.ask({ bearer, about }, goes);
  await eventually(() => stays.answers.length === 1 && goes.answers.length === 1, withinMs);
  takeBack();
  const { user } = await scene.client.people.getUser({ user: 'OE1ADM' });
  await scene.client.tunnels.createTunnel({ name: 'news', owner: user?.owner ?? '', publicKey: publicKey() });
  await eventually(() => stays.answers.length === 2, withinMs);
  expect(goes.answers).toHaveLength(1);
});

test('a daemon that is away is left for the next, and nobody is told', async () => {
  const asking = following([nobody, ...daemons()]);
  const page = listening();
  asking.ask({ bearer, about }, page);
  await eventually(() => page.answers.length === 1, withinMs);
  expect([left, page.troubles]).toEqual([['p9'], []]);
});

test('when all are away it is said so, and asked again', async () => {
  const asking = following([nobody]);
  const page = listening();
  asking.ask({ bearer, about }, page);
  await eventually(() => page.troubles.length >= 2, withinMs);
  expect(page.troubles[0]).toMatchObject({ code: 'unavailable' });
});

test('a refusal is heard once, and is the last thing', async () => {
  const asking = following(daemons());
  const page = listening();
  asking.ask({ bearer: newSecret().bearer, about }, page);
  await eventually(() => page.troubles.length === 1, withinMs);
  expect(page.troubles[0]).toMatchObject({ refusal: { refused: 'unauthenticated' } });
});

test('a stream that breaks is opened again at the next daemon, with all that is asked', async () => {
  const [first, second] = daemons();
  if (first === undefined || second === undefined) throw new Error('no daemons');
  await using cutter = await openCutter({ port: Number(first.address.split(':')[1]) });
  const asking = following([{ node: first.node, address: `127.0.0.1:${cutter.port}` }, second]);
  const pages = [listening(), listening()];
  for (const page of pages) asking.ask({ bearer, about }, page);
  for (const page of pages) await eventually(() => page.answers.length === 1, withinMs);
  await cutter.refuse();
  for (const page of pages) await eventually(() => page.answers.length === 2, withinMs);
  expect(pages.flatMap(({ troubles }) => troubles)).toEqual([]);
  expect(left).toEqual([first.node]);
});
