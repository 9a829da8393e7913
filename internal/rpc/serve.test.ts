import { once } from 'node:events';
import { connect, type ServerHttp2Session } from 'node:http2';
import { ServerCredentials } from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import { listen, newServer } from './serve.ts';

test('a listener closes though a connection breaks at that very moment, of which grpc-js never hears again', async () => {
  const server = newServer();
  const credentials = { credentials: ServerCredentials.createInsecure(), renew: () => {} };
  const listener = await listen(server, ['127.0.0.1:0'], credentials);
  const client = connect(`http://127.0.0.1:${listener.ports[0]}`);
  client.on('error', () => {});
  await once(client, 'remoteSettings');
  // What a reset of the connection does, from inside: the session is destroyed and has not said so yet.
  const { sessions } = server as unknown as { readonly sessions: ReadonlyMap<ServerHttp2Session, unknown> };
  expect(sessions.size).toBe(1);
  for (const session of sessions.keys()) session.destroy();
  await expect(Promise.race([listener.close(100), never(5_000)])).resolves.toBeUndefined();
  client.destroy();
});

test.each([
  ['that is none', { ':method': 'POST', ':path': '/x', 'content-type': 'text/plain' }],
  ['of a method that there is not', { ':method': 'POST', ':path': '/x', 'content-type': 'application/grpc' }],
])('a request %s, taken back before anybody has seen it, ends nothing', async (_, headers) => {
  const server = newServer();
  const listener = await listen(server, ['127.0.0.1:0'], {
    credentials: ServerCredentials.createInsecure(),
    renew: () => {},
  });
  const uncaught: unknown[] = [];
  const heard = (thrown: unknown): void => void uncaught.push(thrown);
  process.on('uncaughtException', heard);
  const client = connect(`http://127.0.0.1:${listener.ports[0]}`);
  client.on('error', () => {});
  await once(client, 'remoteSettings');
  // What a reset does that comes with the request, from inside.
  const { sessions } = server as unknown as { readonly sessions: ReadonlyMap<ServerHttp2Session, unknown> };
  for (const session of sessions.keys()) session.prependListener('stream', (stream) => stream.destroy());
  const stream = client.request(headers);
  stream.on('error', () => {});
  await once(stream, 'close');
  await new Promise((resolve) => setTimeout(resolve, 50));
  process.off('uncaughtException', heard);
  expect(uncaught).toEqual([]);
  client.destroy();
  await listener.close(100);
});

const never = (ms: number): Promise<never> =>
  new Promise((_, reject) => setTimeout(() => reject(new Error('it does not close')), ms).unref());
