import { diffieHellman } from 'node:crypto';
import { expect, test } from 'vitest';
import { newPrivateKey, privateObject, publicBytes, publicKeyOf, publicObject } from './x25519.ts';

const hex = (text: string): Buffer => Buffer.from(text, 'hex');
// RFC 7748 6.1: both keys of Bob, the public one of Alice, and what they share.
const bob = {
  privateKey: hex('5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb'),
  publicKey: hex('de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f'),
};
const alice = hex('8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a');
const shared = '4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742';

test('the public half and the shared secret are those of the RFC', () => {
  expect(publicKeyOf(bob.privateKey)).toEqual(bob.publicKey);
  expect(publicBytes(publicObject(alice))).toEqual(alice);
  const secret = diffieHellman({ privateKey: privateObject(bob.privateKey), publicKey: publicObject(alice) });
  expect(secret.toString('hex')).toBe(shared);
});

test('a new private key is clamped, and another one each time', () => {
  const keys = Array.from({ length: 64 }, newPrivateKey);
  expect(new Set(keys.map((key) => key.toString('hex'))).size).toBe(64);
  for (const key of keys) {
    expect((key[0] ?? 0) & 7).toBe(0);
    expect((key[31] ?? 0) & 192).toBe(64);
  }
});

test.for([0, 31, 33])('%i bytes are no key, and are not repeated', (length) => {
  const bytes = Buffer.alloc(length, 0xab);
  for (const object of [privateObject, publicObject]) {
    expect(() => object(bytes)).toThrow(`an X25519 key has 32 bytes, not ${length}`);
    expect(() => object(bytes)).not.toThrow('ab');
  }
});
