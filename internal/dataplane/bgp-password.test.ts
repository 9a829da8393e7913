import { expect, test } from 'vitest';
import {
  paddedPassword,
  passwordBytes,
  passwordFault,
  passwordIn,
  sealedPassword,
  sealedPasswords,
} from './bgp-password.ts';

test.each(['x', ' a b\\c#;{}$%/*', '~'.repeat(passwordBytes)])(
  'the password %j comes back as it was padded',
  (text) => {
    expect(passwordFault(text)).toBeUndefined();
    expect(paddedPassword(text)).toHaveLength(passwordBytes);
    expect(passwordIn(paddedPassword(text))).toBe(text);
  },
);

test.each(['', 'a"b', 'a\nb', 'a\u0000b', 'a\u00e9', 'x'.repeat(passwordBytes + 1)])('%j is no password', (text) => {
  expect(passwordFault(text)).toMatch(/^is /);
});

test('bytes of another length, or with a quote, are no password', () => {
  expect(passwordIn(new Uint8Array(32).fill(97))).toBeUndefined();
  expect(passwordIn(new Uint8Array(passwordBytes))).toBeUndefined();
  expect(passwordIn(new Uint8Array(passwordBytes).fill(34))).toBeUndefined();
});

test('what is sealed is found where it stands', () => {
  const text = `bgp { ${sealedPassword('AAAA')} } bgp { ${sealedPassword('BB+/BB==')} } password "clear";`;
  expect([...text.matchAll(sealedPasswords)].map(([, sealed]) => sealed)).toEqual(['AAAA', 'BB+/BB==']);
});
