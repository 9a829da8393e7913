// Who has guessed wrong has to wait: under which names, and until when.

import { afterAll, expect, test } from 'vitest';
import { peopleNetwork, refusalOf } from '#internal/testkit/people-network.ts';

const world = await peopleNetwork();
afterAll(() => world[Symbol.asyncDispose]());
const { a, b, box, loggedIn, member, people } = world;

const tried = async (name: string, daemon = b): Promise<string> =>
  ((await refusalOf(loggedIn(name, daemon, 'none of the passwords here'))) as { refused: string }).refused;
const five = Array(5).fill('unauthenticated') as readonly string[];
/** Five after another, then three at the same moment: on a slow machine the first of these has waited long enough. */
async function lockedOut(...names: readonly string[]): Promise<readonly string[]> {
  const nth = (n: number) => tried(names[n % names.length] ?? '');
  const said: string[] = [];
  for (let n = 0; n < five.length; n += 1) said.push(await nth(n));
  const atOnce = await Promise.all([5, 6, 7].map(nth));
  return [...said, ...atOnce.filter((word) => word === 'busy').slice(0, 2)];
}

test('other spellings of a name are no other name, whether it has an account or not [S3]', async () => {
  await member('OE1SPL', 'spl@example.org');
  const spelled = (name: string) => [name, name.toLowerCase(), ` ${name}`, name.replace('OE1', '\uff2f\uff25\uff11')];
  const known = await lockedOut(...spelled('OE1SPL'));
  expect(known).toEqual([...five, 'busy', 'busy']);
  expect(await lockedOut(...spelled('OE1NON'))).toEqual(known);
  // That the address is the same person's does not show: an address that nobody has is answered alike.
  expect(await tried('spl@example.org')).toBe('unauthenticated');
  expect(await tried('non@example.org')).toBe('unauthenticated');
});

test('a reset lets in at once whom a guesser had locked out [S3]', async () => {
  await member('OE1LIF', 'lif@example.org');
  for (const name of ['OE1LIF', 'lif@example.org']) expect(await lockedOut(name)).toEqual([...five, 'busy', 'busy']);
  await people(b).requestReset({ email: 'lif@example.org' });
  const secret = await box.secretTo('lif@example.org', 'set another password');
  const password = 'entirely different words now';
  await people(b).reset({ secret, password });
  for (const name of ['OE1LIF', 'lif@example.org']) await loggedIn(name, b, password);
});

test('nothing unexpected came of it', () => {
  expect([...a.unexpected, ...b.unexpected]).toEqual([]);
});
