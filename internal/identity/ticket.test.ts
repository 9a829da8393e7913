import { randomBytes } from 'node:crypto';
import { assert, nat, property } from 'fast-check';
import { expect, test } from 'vitest';
import { createRequest, readRequest, readTicket, ticketText } from './identity.ts';

const ticket = {
  ...{ nodeId: 'p4', tokenId: '00112233445566aa', secret: randomBytes(32), authorityHash: randomBytes(32) },
  addresses: ['p1@198.18.1.2:4441', 'p2@[2001:db8::2]:4441'],
};

test('a token is one line that reads back, whatever stands around it [S6]', () => {
  const text = ticketText(ticket);
  expect(text).toMatch(/^pop44-join:[\w-]+$/);
  expect(readTicket(` ${text}\n`)).toEqual(ticket);
});

test('a token that lost, gained or changed a character is none [S6]', () => {
  const text = ticketText(ticket);
  assert(
    property(nat(text.length - 1), nat(63), (at, which) => {
      const other = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'[which] ?? '';
      expect(readTicket(text.slice(0, at) + text.slice(at + 1))).toBeUndefined();
      const changed = text.slice(0, at) + other + text.slice(at + 1);
      // The last character of base64 may have bits that nobody reads.
      if (changed !== text && at < text.length - 1) expect(readTicket(changed)).toBeUndefined();
    }),
  );
  for (const garbled of ['', 'pop44-join:', 'x'.repeat(3_000), `${text}${text}`, 'pop44-join:AAAA'])
    expect(readTicket(garbled), garbled).toBeUndefined();
});

test('a request gives the key that signed it, and nothing else is taken for one [S6]', async () => {
  const { der, privateKeyPem } = await createRequest('p4');
  expect(Buffer.isBuffer(await readRequest(der))).toBe(true);
  // The same key again: a join that is repeated.
  expect(await readRequest((await createRequest('p4', privateKeyPem)).der)).toEqual(await readRequest(der));
  for (let at = 0; at < der.length; at += 7) {
    const damaged = Buffer.from(der);
    damaged[at] = (damaged[at] ?? 0) ^ 0x55;
    expect(await readRequest(damaged), `byte ${at}`).toHaveProperty('problem');
  }
  expect(await readRequest(randomBytes(4_000))).toHaveProperty('problem', 'has 4000 bytes, at most 2048 are read');
});
