import { expect, test } from 'vitest';
import { believed } from './believed.ts';
import type { Whereabout } from './whereabouts.ts';

const now = Date.UTC(2026, 0, 1);
const right: Whereabout = ['key', '198.18.1.2:51820', now - 1, 'p44w0', 150];
const take = (entry: Whereabout) => believed([entry, right], (key) => key === 'key', now);

test('a sibling is believed where a peer of ours is; one that is wrong does not take along the others', () => {
  const other: Whereabout = ['key', '[2001:db8::1]:1', 0, 'p44w1', 0];
  expect(take(other)).toEqual([other, right]);
});

test('a handshake of a clock a little ahead is of now', () => {
  expect(take(['key', '198.18.1.2:51820', now + 60_000, 'p44w0', 150])).toEqual([[...right.with(2, now)], right]);
});

test.each<[string, Whereabout]>([
  ['a key of no tunnel', ['other', '198.18.1.2:51820', now, 'p44w0']],
  ['an endpoint with a command', ['key', '198.18.1.2 } ; flush ruleset:1', now, 'p44w0']],
  ['a name', ['key', 'host.example:51820', now, 'p44w0']],
  ['this machine itself', ['key', '127.0.0.1:53', now, 'p44w0']],
  ['another interface', ['key', '198.18.1.2:51820', now, 'p44mesh']],
  ['a handshake of tomorrow', ['key', '198.18.1.2:51820', now + 60_001, 'p44w0']],
  ['a handshake before the first', ['key', '198.18.1.2:51820', -1, 'p44w0']],
  ['a handshake of more than a number holds', ['key', '198.18.1.2:51820', Number(2n ** 63n), 'p44w0']],
  ['a handshake at no time', ['key', '198.18.1.2:51820', Number.NaN, 'p44w0']],
])('%s is not', (_name, entry) => {
  expect(take(entry)).toEqual([right]);
});

test('a round trip that nobody has is not known: it would keep a client from being called again', () => {
  expect(take(right.with(4, 60_000) as unknown as Whereabout)).toEqual([right.with(4, 0), right]);
});
