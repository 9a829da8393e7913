import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { expect, test } from 'vitest';
import { realClock } from '#internal/clock/clock.ts';
import { knock } from './knock.ts';

test('who listens is open, who does not refuses, and nothing is left open', async () => {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const met = once(server, 'connection');
  const open = await knock('127.0.0.1', port, realClock);
  expect(open).toEqual({ how: 'open', rttMs: expect.any(Number) as unknown });
  const [socket] = (await met) as [import('node:net').Socket];
  socket.resume();
  await once(socket, 'close');
  server.close();
  await once(server, 'close');
  expect(await knock('127.0.0.1', port, realClock)).toEqual({ how: 'refused', rttMs: expect.any(Number) as unknown });
});

test('where no way leads, that is said', async () => {
  // No connection to many (RFC 5771).
  expect((await knock('224.0.0.1', 9, realClock)).how).toBe('no way');
});
