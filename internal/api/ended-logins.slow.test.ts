// What a new password and a suspension end, whatever comes at the same moment at another daemon.

import { afterAll, expect, test } from 'vitest';
import { PeopleService } from '#internal/gen/pop44/v1/people_pb.ts';
import { TunnelService } from '#internal/gen/pop44/v1/tunnels_pb.ts';
import { newSecret } from '#internal/testkit/accounts.ts';
import type { ApiDaemon } from '#internal/testkit/api-network.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { peopleNetwork, refusalOf } from '#internal/testkit/people-network.ts';

const world = await peopleNetwork();
afterAll(() => world[Symbol.asyncDispose]());
const { a, b, box, loggedIn, member, network, people, sides } = world;
const password = 'entirely different words now';

/** Both daemons have heard of all that was committed. */
const heard = () => eventually(() => new Set(sides.map((side) => side.people.snapshot()?.revision)).size === 1, 1_000);
async function resetSecret(email: string): Promise<Uint8Array> {
  await people().requestReset({ email });
  const secret = await box.secretTo(email, 'set another password');
  await heard();
  return secret;
}
/** Does it at a daemon that is behind, and catches up soon. */
async function behind<T>(daemon: ApiDaemon, first: () => Promise<unknown>, work: () => Promise<T>): Promise<T> {
  await heard();
  daemon.pause();
  await first();
  const soon = setTimeout(() => daemon.resume(), 50);
  try {
    return await work();
  } finally {
    clearTimeout(soon);
    daemon.resume();
    await heard();
  }
}
const standing = (bearer: string) => refusalOf(network.bearing(PeopleService, a, bearer).whoAmI({}));

test('a reset ends the tokens and the other links that an intruder may hold; a change of the password the links [S3]', async () => {
  const bearer = await member('OE1ALL', 'all@example.org');
  const mine = network.bearing(PeopleService, a, bearer);
  const { bearer: token, secretHash } = newSecret();
  await mine.createToken({ name: 'intruder', scopes: ['read'], secretHash });
  await network.bearing(TunnelService, a, token).listTunnels({});
  const first = await resetSecret('all@example.org');
  await people().requestReset({ email: 'all@example.org' });
  const codes = () => box.to('all@example.org').flatMap((text) => /Code:\s+(\S{43})/.exec(text)?.[1] ?? []);
  const sentAfter = await eventually(() => (codes().length >= 3 ? codes() : false), 5_000);
  const others = sentAfter.map((code) => Buffer.from(code, 'base64url')).filter((each) => !each.equals(first));
  await people().reset({ secret: first, password });
  expect(await refusalOf(network.bearing(TunnelService, a, token).listTunnels({}))).toMatchObject({
    refused: 'unauthenticated',
  });
  for (const secret of others)
    expect(await refusalOf(people().reset({ secret, password: 'a third one of some length' }))).toMatchObject({
      refused: 'not-found',
    });
  expect(Array.from(sides[0]?.people.snapshot()?.link.values() ?? [])).toEqual([]);
  await loggedIn('OE1ALL', a, password);
});

test('who knows the password keeps tokens when it is changed, and open links end [S3]', async () => {
  const bearer = await member('OE1CHG', 'chg@example.org');
  const mine = network.bearing(PeopleService, a, bearer);
  const { bearer: token, secretHash } = newSecret();
  await mine.createToken({ name: 'ci', scopes: ['read'], secretHash });
  const secret = await resetSecret('chg@example.org');
  await mine.changePassword({ oldPassword: 'correct horse battery staple', newPassword: password });
  expect(await refusalOf(people().reset({ secret, password }))).toMatchObject({ refused: 'not-found' });
  await network.bearing(TunnelService, a, token).listTunnels({});
  await mine.whoAmI({});
});

test('a login that another daemon makes while a reset is decided does not survive it [S3]', async () => {
  await member('OE1RAC', 'rac@example.org');
  const secret = await resetSecret('rac@example.org');
  let made = '';
  await behind(
    a,
    async () => {
      made = await loggedIn('OE1RAC', b);
    },
    () => people(a).reset({ secret, password }),
  );
  expect(await standing(made)).toMatchObject({ refused: 'unauthenticated' });
});

test('a login with the old password, at a daemon that has not heard of the reset, is refused [S3]', async () => {
  await member('OE1OLD', 'old@example.org');
  const secret = await resetSecret('old@example.org');
  const outcome = await behind(
    b,
    () => people(a).reset({ secret, password }),
    () => refusalOf(loggedIn('OE1OLD', b)),
  );
  expect(outcome).toMatchObject({ refused: 'unauthenticated' });
});

test('a login while a suspension is decided elsewhere does not outlive it [S3]', async () => {
  await member('OE1SUS', 'sus@example.org');
  let made = '';
  await behind(
    a,
    async () => {
      made = await loggedIn('OE1SUS', b);
    },
    () => people(a).suspendUser({ user: 'OE1SUS', reason: 'spam' }),
  );
  await people().reinstateUser({ user: 'OE1SUS' });
  expect(await standing(made)).toMatchObject({ refused: 'unauthenticated' });
  const outcome = await behind(
    b,
    () => people(a).suspendUser({ user: 'OE1SUS', reason: 'spam' }),
    () => refusalOf(loggedIn('OE1SUS', b)),
  );
  expect(outcome).toMatchObject({ refused: 'forbidden', cure: 'spam' });
});

test('logins of one account that are made at the same moment are all made, at whatever daemon [S3]', async () => {
  await member('OE1SAM', 'sam@example.org');
  const made = await Promise.all([a, b, a, b].map((daemon) => loggedIn('OE1SAM', daemon)));
  await heard();
  for (const bearer of made) expect(await standing(bearer)).toBeUndefined();
});

test('an address gets a few mails, whoever asks, and whether it has an account does not show [S4]', async () => {
  await member('OE1MNY', 'mny@example.org');
  const asked = async (email: string, daemon: ApiDaemon) =>
    ((await refusalOf(people(daemon).requestReset({ email }))) as { refused?: string } | undefined)?.refused ?? 'sent';
  // A sign-up has had one of the three.
  const known: string[] = [];
  const unknown: string[] = [];
  for (let n = 0; n < 3; n += 1) known.push(await asked('mny@example.org', a));
  for (let n = 0; n < 4; n += 1) unknown.push(await asked('unk@example.org', a));
  expect(known).toEqual(['sent', 'sent', 'busy']);
  expect(unknown).toEqual(['sent', 'sent', 'sent', 'busy']);
});

test('nothing unexpected came of it', () => {
  expect([...a.unexpected, ...b.unexpected]).toEqual([]);
});
