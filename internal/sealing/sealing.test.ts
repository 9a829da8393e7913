import fc from 'fast-check';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type AgeIdentity, base64Bare, parseRecipient, sealedFault } from '#internal/age/age.ts';
import {
  makeIdentity,
  openerOf,
  ownRecipient,
  readIdentityFile,
  recipientOf,
  seal,
  writeIdentityFile,
} from './sealing.ts';

const identity = makeIdentity();
const recipient = recipientOf(identity);
const opener = openerOf(identity);
const counting = Uint8Array.from({ length: 32 }, (_, at) => at);

test('what was sealed is opened by whom it is for, and by nobody else [S5]', () => {
  const stranger = openerOf(makeIdentity());
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 700 }), (clear) => {
      const sealed = seal(clear, recipient);
      expect(opener.open(sealed)).toEqual(clear);
      expect(() => stranger.open(sealed)).toThrow('is not for');
    }),
    { numRuns: 50 },
  );
  expect(seal(counting, recipient)).not.toEqual(seal(counting, recipient));
});

test('a sealed WireGuard key looks like one without its being opened', () => {
  expect(sealedFault(seal(counting, recipient))).toBeUndefined();
  expect(sealedFault(seal(new Uint8Array(31), recipient))?.problem).toBe('holds no secret of exactly 32 bytes');
});

test('one bit changed anywhere, or a byte less or more, and it is not opened [S5]', () => {
  const sealed = seal(counting, recipient);
  for (let at = 0; at < sealed.length; at += 1) {
    const changed = Uint8Array.from(sealed);
    changed[at] = (changed[at] ?? 0) ^ 1;
    expect(() => opener.open(changed), `byte ${at}`).toThrow(expect.objectContaining({ code: 'sealed' }));
    expect(() => opener.open(sealed.subarray(0, at)), `${at} bytes`).toThrow('a sealed secret');
  }
  expect(() => opener.open(Uint8Array.from([...sealed, 0]))).toThrow('was changed');
});

test('bytes at random are refused, and the fault repeats none of them', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 1100 }), (bytes) => {
      expect(() => opener.open(bytes)).toThrow('no age file');
    }),
  );
});

test('a share of low order is not opened', () => {
  const text = Buffer.from(seal(counting, recipient)).toString('latin1');
  const weak = text.replace(/X25519 \S{43}/, `X25519 ${base64Bare(new Uint8Array(32))}`);
  expect(() => opener.open(Buffer.from(weak, 'latin1'))).toThrow(expect.objectContaining({ code: 'sealed' }));
});

// Made by age 1.1.1 (Debian 12): one recipient, and two of which ours is the second.
const other = {
  identity: 'AGE-SECRET-KEY-18XDXUKH7H8G6T5N9T56UTM4CG2VTCHEAUVPX6CYLN73VTD64WJCQJZQ9XM',
  recipient: 'age1sxtrlvf2wcsna0hercdr94yams9enpjrgkfmm7dwrzk7lm7cqp3skp94z3',
  files: [
    'YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSBwYjRDZkx4VEt5L0pRaThpeHkzRFhLdzVuYkxsT0xhWDF5R3Z5Mndua2s0CmlzakhmcXNYZ1VEdDVEWWt3TzJoVFJKQjJBOFlKN2QxcVJWQVRmSHZrNTgKLS0tIGVJaDF4Q0t6LzN4bVRqMGhQZFY5bU5uNlgxMzBXWU1qdGRLNHlTbWJYTzgKzoGxr65GBtbekq4vREFiqwC9QN8wDxTOT/Vo4kEl67vDIWztoIFwNiUv7rH22JV2kmj8tfNxIPpBOAleEyqKpA==',
    'YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSBtTjlXSVdCdERiQ2RyenBaTjdmVGExZGFOaUp3UUxqMCs5Rms2VlozcHo0CjRIZnRyTnlBMkw4NHVaUEdXUFl4RVExd2tMVGdwMW5hS0lkWXNTT0hYeFkKLT4gWDI1NTE5IEtPRFdUR2V0Q2lIM3lsTHltdnR5cXBFelFQUTJrY2ZQa2ovOW1GU3lnSFkKOFhSdllOVUxkamxITlhLMzVjUGRSYXV0dnB3U1g0NVVGcnU4TWxFZGRmUQotLS0gUno1ZHNySzJHZ0UzZGxhVE1pNTNDR0FleXllaWRqTDZVRlRsYzdmQU9XZwqZCqFtcAsSA16LHxJ8vsMBD84LRcLpWgIE6/wLLdUPo7tDkp/AfeyLbiwRBm7LEJgLBRGGFRQkBFyYdprIgkYY',
  ],
};

test('the other implementation reads the same recipient from an identity, and its files are opened', () => {
  expect(recipientOf(other.identity as AgeIdentity)).toBe(other.recipient);
  expect(parseRecipient(other.recipient)).toBe(other.recipient);
  const opens = openerOf(other.identity as AgeIdentity);
  for (const file of other.files) expect(opens.open(Buffer.from(file, 'base64'))).toEqual(counting);
  expect(other.files.map((file) => sealedFault(Buffer.from(file, 'base64'))?.problem)).toEqual([
    undefined,
    'is not sealed to exactly one recipient',
  ]);
});

test('the recipient of a file is the same each time, and its identity is made once', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sealing-'));
  const file = join(folder, 'own.key');
  const made = ownRecipient(file);
  expect(ownRecipient(file)).toBe(made);
  expect(recipientOf(readIdentityFile(file)[0])).toBe(made);
  const newest = makeIdentity();
  writeFileSync(file, `${newest}\n${readFileSync(file, 'utf8')}`);
  expect(ownRecipient(file)).toBe(recipientOf(newest));
  expect(readIdentityFile(file)).toHaveLength(2);
  rmSync(folder, { recursive: true });
});

test('an identity file is for its owner alone, is never overwritten, and no fault shows what is in it', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sealing-'));
  const file = join(folder, 'sealing.key');
  writeIdentityFile(file, identity);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readIdentityFile(file)).toEqual([identity]);
  expect(() => writeIdentityFile(file, makeIdentity())).toThrow('nothing is overwritten');
  expect(readFileSync(file, 'utf8')).toBe(`${identity}\n`);
  // As age-keygen(1) writes it.
  writeFileSync(file, `# created: today\n# public key: ${recipient}\n${identity}\n`);
  expect(readIdentityFile(file)).toEqual([identity]);
  const broken = identity.slice(0, -1);
  writeFileSync(file, broken);
  const thrown = (): string => {
    try {
      return readIdentityFile(file).join();
    } catch (fault) {
      return String(fault);
    }
  };
  expect(thrown()).toContain(`${file} holds no age identity`);
  expect(thrown()).not.toContain(broken.slice(20));
  expect(() => readIdentityFile(join(folder, 'none'))).toThrow('cannot be read');
  rmSync(folder, { recursive: true });
});
