import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { plainSite } from './plain.ts';

const server = createServer(plainSite('thumb', ['a.example', 'b.example']));
beforeAll(() => once(server.listen(0, '127.0.0.1'), 'listening'));
afterAll(() => void server.close());

/** Bytes as they are sent, also such as no client of Node's sends. */
async function said(path: string, host: string, method = 'GET'): Promise<string> {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.end(`${method} ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`, 'latin1');
  let text = '';
  for await (const part of socket) text += String(part);
  return text;
}

test.each([
  ['/sign-up?a=1', 'b.example', 'https://b.example/sign-up?a=1'],
  ['/', 'B.Example:80', 'https://b.example/'],
  ['/', 'evil.example', 'https://a.example/'],
  ['//evil.example/', 'a.example', 'https://a.example//evil.example/'],
  ['http://evil.example/', 'a.example', 'https://a.example/'],
  ['/.well-known/acme-challenge/a%20b', 'a.example', 'https://a.example/.well-known/acme-challenge/a%20b'],
])('%s of %s is led to %s', async (path, host, location) => {
  const text = await said(path, host);
  expect(text).toMatch(/^HTTP\/1\.1 308 /);
  expect(text).toContain(`\r\nlocation: ${location}\r\n`);
});

test.each(['/\f', '/\t', '/\u0001', '/\u0000', '/\u00ff'])(
  'a path that is no path (%j) ends nothing but its connection',
  async (path) => {
    expect(await said(path, 'a.example')).toMatch(/^HTTP\/1\.1 400 /);
    expect(await said('/', 'a.example')).toMatch(/^HTTP\/1\.1 308 /);
  },
);

test('a challenge is answered on any name; what is posted is not to be sent again', async () => {
  expect(await said('/.well-known/acme-challenge/abc', 'evil.example')).toMatch(
    /^HTTP\/1\.1 200 [^]*\r\nabc\.thumb(\r\n|$)/,
  );
  expect(await said('/login', 'a.example', 'POST')).toMatch(/^HTTP\/1\.1 405 /);
});
