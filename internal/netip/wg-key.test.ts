import { diffieHellman } from 'node:crypto';
import { expect, test } from 'vitest';
import { newPrivateKey, privateObject, publicKeyOf, publicObject } from '#internal/x25519/x25519.ts';
import { parseWgKey, wgKeyHex } from './netip.ts';

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
const filled = (value: number): Uint8Array => new Uint8Array(32).fill(value);

const lastChanged = `${base64(filled(0x55)).slice(0, 42)}V=`;

const refused: readonly (readonly [name: string, text: string])[] = [
  ['nothing', ''],
  ['too short', 'abc'],
  ['31 bytes', base64(filled(0x55).slice(1))],
  ['33 bytes', base64(new Uint8Array(33).fill(0x55))],
  ['no padding', base64(filled(0x55)).slice(0, 43)],
  ['padding in front', `=${base64(filled(0x55)).slice(0, 43)}`],
  ['hexadecimal', '55'.repeat(32)],
  ['the URL alphabet', `-${base64(filled(0x55)).slice(1)}`],
  ['a blank', ` ${base64(filled(0x55)).slice(1)}`],
  ['a line end', `${base64(filled(0x55))}\n`],
  ['bits after the last byte: a second text for one key', lastChanged],
];

test.each(refused)('no WireGuard key: %s', (_name, text) => {
  expect(parseWgKey(text)).toEqual({
    problem: 'is not a WireGuard key',
    cure: '44 characters of base64 for 32 bytes',
  });
});

test('a key keeps its text and has 64 digits', () => {
  const text = 'xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=';
  expect(parseWgKey(text)).toBe(text);
  expect(wgKeyHex(text as never)).toBe(Buffer.from(text, 'base64').toString('hex'));
});

const prime = 2n ** 255n - 19n;
const littleEndian = (u: bigint): Uint8Array =>
  Uint8Array.from({ length: 32 }, (_, at) => Number((u >> BigInt(8 * at)) & 0xffn));
const highBit = 1n << 255n;
const order8 = 325606250916557431795983626356110631294008115727848805560023387167927233504n;
const otherOrder8 = 39382357235489614581723060781553021112529911719440698176882885853963445705823n;
const lowOrder = [0n, 1n, order8, otherOrder8, prime - 1n, prime, prime + 1n].flatMap((u) => [u, u | highBit]);

const privateKey = privateObject(newPrivateKey());

test.each(lowOrder)('a point of low order is refused, as OpenSSL refuses it: %s', (u) => {
  const bytes = littleEndian(u);
  expect(parseWgKey(base64(bytes))).toMatchObject({ problem: expect.stringContaining('low order') as unknown });
  expect(() => diffieHellman({ privateKey, publicKey: publicObject(bytes) })).toThrow(
    /diffie-hellman|derivation|failed/i,
  );
});

test('real public keys are taken', () => {
  for (let n = 0; n < 20; n += 1) {
    const text = base64(publicKeyOf(newPrivateKey()));
    expect(parseWgKey(text)).toBe(text);
  }
});
