import { assert, property, stringMatching, uint8Array } from 'fast-check';
import { expect, test } from 'vitest';
import { keyAfter, keyBytes, keyText, prefixEnd } from './bytes.ts';

test('any bytes survive being a key as text', () => {
  assert(
    property(uint8Array(), (bytes) => {
      expect(new Uint8Array(keyBytes(keyText(bytes)))).toEqual(bytes);
    }),
  );
});

test('a key is inside [prefix, prefixEnd) exactly when it begins with the prefix', () => {
  const few = stringMatching(/^[a\xfe\xff/]{0,4}$/);
  const nonEmpty = stringMatching(/^[a\xfe\xff/]{1,3}$/);
  assert(
    property(nonEmpty, few, (prefix, key) => {
      const end = prefixEnd(prefix);
      const inside =
        Buffer.compare(keyBytes(key), keyBytes(prefix)) >= 0 &&
        (end === '\0' || Buffer.compare(keyBytes(key), keyBytes(end)) < 0);
      // Of a prefix of 0xff alone etcd can only give all keys from there on.
      if (end !== '\0') expect(inside).toBe(key.startsWith(prefix));
      else if (key.startsWith(prefix)) expect(inside).toBe(true);
    }),
  );
});

test('nothing lies between a key and the key after it', () => {
  assert(
    property(uint8Array(), uint8Array({ minLength: 1 }), (bytes, more) => {
      const key = keyText(bytes);
      const longer = key + keyText(more);
      expect(Buffer.compare(keyBytes(keyAfter(key)), keyBytes(longer))).toBeLessThanOrEqual(0);
    }),
  );
});
