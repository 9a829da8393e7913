import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { createLimit } from './limit.ts';
import { formToken, prefixOf } from './source.ts';
import { createWork, zeroBits } from './work.ts';

const key = Buffer.alloc(32, 7);
let now = 1_800_000_000_000;
const clock = { wall: () => new Date(now), monotonicMs: () => now, sleep: async () => {} };
let nonces = 0;
const work = (bits = 8, of = key) => createWork(of, bits, clock, () => `nonce${++nonces}`);

/** As the page's script does. */
function solved(challenge: string, bits: number): string {
  for (let number = 0; ; number += 1)
    if (zeroBits(createHash('sha256').update(`${challenge} ${number}`).digest()) >= bits) return String(number);
}

test('an answer is good once, for its source, for ten minutes, from any instance with the key', () => {
  const one = work();
  const challenge = one.challenge('192.0.2.1');
  const answer = solved(challenge, 8);
  expect(one.spend(challenge, answer, '192.0.2.2')).toBe(false);
  expect(work(8, Buffer.alloc(32, 8)).spend(challenge, answer, '192.0.2.1')).toBe(false);
  expect(work().spend(challenge, answer, '192.0.2.1')).toBe(true);
  expect(one.spend(challenge, answer, '192.0.2.1')).toBe(true);
  expect(one.spend(challenge, answer, '192.0.2.1')).toBe(false);
  const later = one.challenge('192.0.2.1');
  const good = solved(later, 8);
  now += 600_001;
  expect(one.spend(later, good, '192.0.2.1')).toBe(false);
});

test.each(['', '-1', '1e3', '0x10', ' 1', '9'.repeat(16), 'NaN'])(
  '%j is no answer, even where its hash would do',
  (answer) => {
    const one = work(4);
    const hashed = (challenge: string) => zeroBits(createHash('sha256').update(`${challenge} ${answer}`).digest());
    const fitting = (): string => {
      for (let challenge = one.challenge(''); ; challenge = one.challenge(''))
        if (hashed(challenge) >= 4) return challenge;
    };
    const challenge = fitting();
    expect(one.spend(challenge, answer, '')).toBe(false);
    expect(one.spend(challenge, solved(challenge, 4), '')).toBe(true);
  },
);

test('a challenge that is none, or was changed, is refused', () => {
  const one = work(1);
  const challenge = one.challenge('192.0.2.1');
  const longer = challenge.replace(/^\d+/, (ends) => String(Number(ends) + 60_000));
  for (const text of ['', '..', 'x.y.z', longer]) expect(one.spend(text, solved(text, 1), '192.0.2.1')).toBe(false);
});

test.each([
  [[0xff], 0],
  [[0x7f], 1],
  [[0, 0x01], 15],
  [[0, 0, 0x80], 16],
] as const)('%j begins with %d zero bits', (bytes, bits) => {
  expect(zeroBits(Uint8Array.from(bytes))).toBe(bits);
});

test.each([
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8:1:2::9', '2001:db8:1:2::/64'],
  ['2001:db8::9', '2001:db8:0:0::/64'],
  ['2001:0db8::9', '2001:db8:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['', ''],
])('%s counts as %s', (address, prefix) => {
  expect(prefixOf(address)).toBe(prefix);
});

test('one in ten minutes is one in ten minutes, for each source', () => {
  const limit = createLimit(600_000, clock);
  expect(limit.take('a')).toBe(0);
  expect(limit.take('a')).toBe(600);
  expect(limit.take('b')).toBe(0);
  now += 599_000;
  expect(limit.take('a')).toBe(1);
  now += 1_000;
  expect(limit.take('a')).toBe(0);
  limit.giveBack('a');
  expect(limit.take('a')).toBe(0);
  expect(limit.take('a')).toBe(600);
});

test('a form says nothing of its cookie', () => {
  expect(formToken('x'.repeat(43))).not.toContain('xx');
  expect(formToken('a')).not.toBe(formToken('b'));
});
