import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { mostSealedBytes, parseIdentities, parseRecipient, recipientBytes, recipientText, sealedFault } from './age.ts';
import { decodeBech32, encodeBech32 } from './bech32.ts';

const recipient = 'age1sxtrlvf2wcsna0hercdr94yams9enpjrgkfmm7dwrzk7lm7cqp3skp94z3';

describe('bech32', () => {
  test.each([
    // BIP 173, test vectors.
    ['a', '', 'a12uel5l'],
    ['abcdef', '00443214c74254b635cf84653a56d7c675be77df', 'abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw'],
  ])('a text of BIP 173: %s %s', (prefix, hex, text) => {
    expect(encodeBech32(prefix, Buffer.from(hex, 'hex'))).toBe(text);
    expect(decodeBech32(prefix, text)).toEqual(Uint8Array.from(Buffer.from(hex, 'hex')));
  });

  test('bytes come back, and one wrong letter is found', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(), (bytes, at) => {
        const text = encodeBech32('age', bytes);
        expect(decodeBech32('age', text)).toEqual(bytes);
        const place = 4 + (at % (text.length - 4));
        const wrong = text[place] === 'q' ? 'p' : 'q';
        expect(decodeBech32('age', `${text.slice(0, place)}${wrong}${text.slice(place + 1)}`)).toBeUndefined();
      }),
    );
  });
});

test('a recipient has one text', () => {
  expect(parseRecipient(recipient)).toBe(recipient);
  expect(recipientText(recipientBytes(parseRecipient(recipient) as never))).toBe(recipient);
});

test.each([
  ['nothing', ''],
  ['capitals', recipient.toUpperCase()],
  ['a wrong letter', recipient.replace(/.$/, recipient.endsWith('q') ? 'p' : 'q')],
  ['a letter less', recipient.slice(0, -1)],
  ['a line more', `${recipient}\n`],
  ['a key of 31 bytes', encodeBech32('age', new Uint8Array(31).fill(9))],
  ['an identity', encodeBech32('age-secret-key-', new Uint8Array(32).fill(9))],
  ['an SSH key', 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGYhFyOyQjhP'],
])('%s is no recipient', (_, text) => {
  expect(parseRecipient(text)).toMatchObject({ problem: 'is not an age recipient' });
});

test.each([
  ['zero', '00'.repeat(32)],
  ['one', `01${'00'.repeat(31)}`],
  ['of order 8', 'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800'],
])('the point %s is no recipient: anybody could open what was sealed to it', (_, hex) => {
  const weak = encodeBech32('age', Buffer.from(hex, 'hex'));
  expect(parseRecipient(weak)).toMatchObject({ problem: expect.stringContaining('low order') as unknown });
});

test.each(['', 'age1', recipient, 'AGE-SECRET-KEY-1QQQ', '# a comment'])('%j holds no identity', (text) => {
  expect(parseIdentities(text)).toEqual([]);
});

const file = (stanzas: string, payload: number): Uint8Array =>
  Buffer.concat([Buffer.from(`age-encryption.org/v1\n${stanzas}--- ${'A'.repeat(43)}\n`), Buffer.alloc(payload)]);
const stanza = `-> X25519 ${'A'.repeat(43)}\n${'A'.repeat(43)}\n`;

test.each([
  ['nothing', new Uint8Array(), /no age file/],
  ['text', Buffer.from('a preshared key'), /no age file/],
  ['a key of 32 bytes', new Uint8Array(32), /no age file .*has 32/],
  ['an age file that is too long', file(stanza, mostSealedBytes), /no age file of at most 1024 bytes/],
  ['no recipient', file('', 64), /exactly one/],
  ['two recipients', file(stanza + stanza, 64), /exactly one/],
  ['a passphrase', file(`-> scrypt ${'A'.repeat(22)} 18\n${'A'.repeat(43)}\n`, 64), /X25519/],
  ['a share that is too short', file(`-> X25519 AAAA\n${'A'.repeat(43)}\n`, 64), /X25519/],
  ['an argument too many', file(`-> X25519 ${'A'.repeat(43)} x\n${'A'.repeat(43)}\n`, 64), /X25519/],
  ['a body that is not canonical', file(`-> X25519 ${'A'.repeat(43)}\n${'A'.repeat(42)}B\n`, 64), /no age file/],
  ['a short body', file(`-> X25519 ${'A'.repeat(43)}\nAAAA\n`, 64), /file key/],
  ['too long a secret', file(stanza, 65), /exactly 32/],
  ['armor', Buffer.from('-----BEGIN AGE ENCRYPTED FILE-----\n'), /no age file/],
])('%s is no sealed key', (_, bytes, problem) => {
  expect(sealedFault(bytes)?.problem).toMatch(problem);
});

test('a sealed key of the right form passes', () => {
  expect(sealedFault(file(stanza, 64))).toBeUndefined();
});
