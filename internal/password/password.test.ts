import { expect, test } from 'vitest';
import { type Clock, realClock } from '#internal/clock/clock.ts';
import { isRefusal } from '#internal/errors/errors.ts';
import { createHasher, passwordProblem } from './password.ts';

const about = { callsign: 'OE1XYZ', email: 'Ada.Lovelace@Example.org' };
const problem = (password: string) => passwordProblem('password', password, about);

test.each([
  ['four words', 'correct horse battery staple'],
  ['15 characters, one kind', 'nvbxqzjkwlpmtrg'],
  ['any script, one of them', 'Straße über Örtchen 🚲'],
  ['spaces within and at the ends', ' a  b  c  d  e  f g'],
  ['256 characters', 'kq7 wz1 '.repeat(32).replace(/.$/, 'x').slice(0, 256).replace(/kq7/, 'abv')],
  ['its callsign and enough besides', 'oe1xyz thrives on thunderstorms'],
])('may be a password: %s [S3]', (_, password) => {
  expect(problem(password)).toBeUndefined();
});

test.each([
  ['nothing', '', 'required', 'is missing'],
  ['14 characters', 'nvbxqzjkwlpmtr', 'weak-password', 'has 14 characters'],
  ['14 characters that are 28 before NFC', 'é'.normalize('NFD').repeat(14), 'weak-password', 'has 14 characters'],
  ['14 characters of two UTF-16 units each', '🚲'.repeat(14), 'weak-password', 'has 14 characters'],
  ['257 characters', 'kq7 wz1 x'.repeat(29).slice(0, 257), 'weak-password', 'has 257 characters'],
  ['a common one', 'passwordpassword', 'weak-password', 'commonest'],
  ['a common one in capitals', 'PASSWORDPASSWORD', 'weak-password', 'commonest'],
  ['one character', 'zzzzzzzzzzzzzzzzzzz', 'weak-password', 'repeats itself'],
  ['a few, over and over', 'kq7kq7kq7kq7kq7kq', 'weak-password', 'repeats itself'],
  ['a run', 'ghijklmnopqrstuv', 'weak-password', 'run of neighbouring'],
  ['a run backwards', 'zyxwvutsrqponmlk', 'weak-password', 'run of neighbouring'],
  ['the address', 'ada.lovelace@example.org', 'weak-password', 'hardly more than'],
  ['the callsign', 'OE1XYZ-oe1xyz-OE1XYZ', 'weak-password', 'hardly more than'],
  ['the service', '44net password 44net', 'weak-password', 'hardly more than'],
  ['half a character', `${'nvbxqzjkwlpmtrg'}\ud83d`, 'weak-password', 'is no text'],
])('is refused and not shown: %s [S3]', (_, password, refused, says) => {
  const refusal = problem(password);
  expect(refusal).toMatchObject({ refused, field: 'password', value: '' });
  expect(refusal?.message).toContain(says);
  if (password !== '') expect(JSON.stringify(refusal)).not.toContain(password);
});

test('a hash is argon2id of 19 MiB, two passes, and of the text in NFC [S3]', async () => {
  const hasher = createHasher(realClock, 1);
  const hash = await hasher.hash('Straße über Örtchen'.normalize('NFD'));
  expect(hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  if (isRefusal(hash)) throw new Error(hash.message);
  expect(await hasher.verify(hash, 'Straße über Örtchen'.normalize('NFC'))).toBe(true);
  expect(await hasher.verify(hash, 'strasse über Örtchen')).toBe(false);
  expect(await hasher.verify(undefined, 'nobody has this password')).toBe(false);
  expect(await hasher.verify('no hash at all', 'x')).toBe(false);
});

test('a thread rests after each hash, while others wait, for as long as it took [S4]', async () => {
  const rests: number[] = [];
  const clock: Clock = { ...realClock, sleep: async (ms) => void rests.push(ms) };
  const hasher = createHasher(clock, 1);
  await hasher.verify(undefined, 'alone');
  expect(rests).toEqual([]);
  const from = realClock.monotonicMs();
  await Promise.all(Array.from({ length: 4 }, () => hasher.verify(undefined, 'x'.repeat(20))));
  const tookMs = realClock.monotonicMs() - from;
  // Nobody is behind the last.
  expect(rests).toHaveLength(3);
  expect(Math.min(...rests)).toBeGreaterThan(0);
  expect(rests.reduce((sum, ms) => sum + ms, 0)).toBeLessThan(tookMs);
  expect(hasher.waiting).toBe(0);
});

test('a flood of passwords waits in a bounded queue, and the rest is told when to come again [S4]', async () => {
  const hasher = createHasher(realClock, 1);
  const answers = await Promise.all(Array.from({ length: 300 }, () => hasher.verify(undefined, 'x'.repeat(20))));
  const refusals = answers.filter(isRefusal);
  expect(refusals.length).toBeGreaterThan(200);
  expect(refusals[0]).toMatchObject({ refused: 'busy', cure: expect.stringMatching(/^retry in \d+ s$/) as unknown });
  expect(answers.filter((answer) => answer === false).length).toBeGreaterThan(10);
  expect(hasher.waiting).toBe(0);
  expect(await hasher.verify(undefined, 'again')).toBe(false);
});
