import { expect, test } from 'vitest';
import { Fault, refuse } from '#internal/errors/errors.ts';
import { Refused } from '#internal/rpc/rpc.ts';
import { troubleOf } from './words.ts';

const told = (about: Parameters<typeof refuse>[1], reason: Parameters<typeof refuse>[0] = 'invalid') =>
  troubleOf(new Refused(refuse(reason, about)));

test.each([
  [
    { field: 'password', problem: 'has 3 characters', cure: '15 to 256 characters of any kind' },
    'password',
    'Password has 3 characters. 15 to 256 characters of any kind.',
  ],
  [{ field: 'tunnel.name', value: 'A b', problem: 'is no name', cure: 'a to z' }, 'name', '"A b" is no name. A to z.'],
  [
    { field: 'user', value: 'OE1X', problem: 'is no user (of this network)', cure: 'pop44 user list' },
    'user',
    '"OE1X" is no user (of this network).',
  ],
  [
    { field: 'node', value: 'p1', problem: 'has no other node', cure: 'a second node that is well, or --force' },
    'node',
    '"p1" has no other node.',
  ],
  [{ problem: 'there is no pool', cure: '' }, '', 'There is no pool.'],
])('a refusal is told in sentences, at the field of its form', (about, field, text) => {
  expect(told(about)).toMatchObject({ status: 422, field, text });
});

test('what is in the way is named', () => {
  const about = { field: 'user', value: 'OE1X', problem: 'owns things', cure: '', obstacles: ['tunnel a', 'tunnel b'] };
  expect(told(about, 'in-use')?.text).toBe('"OE1X" owns things. In the way: tunnel a; tunnel b.');
});

test.each([
  ['not-found', 404],
  ['forbidden', 403],
  ['not-owner', 403],
  ['busy', 429],
  ['unavailable', 503],
  ['quota-exceeded', 422],
] as const)('%s is %d', (reason, status) => {
  expect(told({ problem: 'x', cure: '' }, reason)?.status).toBe(status);
});

test('who is not logged in is led to the login; a wrong password is told in its place', () => {
  expect(told({ problem: 'the login has ended', cure: 'pop44 login' }, 'unauthenticated')).toMatchObject({
    loggedOut: true,
  });
  const wrong = told({ field: 'password', problem: 'is wrong', cure: '' }, 'unauthenticated');
  expect(wrong).toMatchObject({ field: 'password', status: 422 });
  expect(wrong?.loggedOut).toBeUndefined();
});

test('a change that may have been made is never said to have failed', () => {
  for (const code of ['pending', 'deadline', 'dropped'])
    expect(troubleOf(new Fault(code, 'x'))?.text).toContain('may have been done');
  expect(troubleOf(new Fault('unavailable', 'x'))?.text).toContain('Nothing was changed');
});

test('of what nobody may hear nothing is told', () => {
  expect(troubleOf(new Fault('internal', 'a secret'))).toBeUndefined();
  expect(troubleOf(new Error('a secret'))).toBeUndefined();
});
