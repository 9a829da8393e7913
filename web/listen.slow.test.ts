import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { realClock } from '#internal/clock/clock.ts';
import { createCa, issueWebCertificate } from '#internal/identity/identity.ts';
import { createLog } from '#internal/log/log.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { certificateOfFiles } from './certificate.ts';
import { type Listener, listen, mostOfOneSource } from './listen.ts';
import { proxiesOf } from './proxies.ts';

const directory = mkdtempSync(join(tmpdir(), 'pop44-listen-'));
const [certificateFile, keyFile] = ['pem', 'key'].map((end) => join(directory, `web.${end}`)) as [string, string];
const socket = join(directory, 'web.sock');
const addresses = ['127.0.0.1:0', `unix:${socket}`];
let listener: Listener;
const open: Socket[] = [];

beforeAll(async () => {
  const validity = { now: realClock.wall(), validForMs: 3_600_000 };
  const about = { name: 'www', hosts: ['localhost'], addresses: ['127.0.0.1'] };
  const issued = await issueWebCertificate(await createCa('test', validity), about, validity);
  writeFileSync(certificateFile, issued.certificatePem);
  writeFileSync(keyFile, issued.privateKeyPem);
  listener = await listen(
    (_, response) => response.end('here'),
    addresses,
    certificateOfFiles(
      { listen: addresses, certificateFile, keyFile },
      { clock: realClock, log: createLog({}, 'silent') },
    ),
    { isProxy: proxiesOf(['unix', '127.0.0.9/32']) },
  );
});
afterAll(async () => {
  for (const each of open) each.destroy();
  await listener.close();
  rmSync(directory, { recursive: true, force: true });
});

/** A connection of nobody yet; resolves to whether it is shut at once. */
function knock(where: object): { readonly socket: Socket; readonly shut: () => boolean } {
  let isShut = false;
  const made = connect({ port: listener.ports[0] ?? 0, host: '127.0.0.1', ...where });
  open.push(made);
  made.on('error', () => {});
  made.on('close', () => (isShut = true));
  return { socket: made, shut: () => isShut };
}

/** Whether a whole handshake is made from there. */
const shakesHands = (where: object): Promise<boolean> =>
  new Promise((resolve) => {
    const { socket: plain } = knock(where);
    const secure = connectTls({ socket: plain, rejectUnauthorized: false }, () => {
      secure.destroy();
      resolve(true);
    });
    secure.on('error', () => resolve(false));
    secure.on('close', () => resolve(false));
  });

test('a source has so many connections at once and no more; another one, and a proxy, are not in its way', async () => {
  const held = Array.from({ length: mostOfOneSource }, () => knock({ localAddress: '127.0.0.2' }));
  await eventually(() => held.every(({ socket: each }) => !each.connecting), 5_000);
  // They came before it did, and are looked at in their order.
  expect(await shakesHands({ localAddress: '127.0.0.2' })).toBe(false);
  expect(await shakesHands({ localAddress: '127.0.0.3' })).toBe(true);
  const proxied = Array.from({ length: mostOfOneSource + 1 }, () => knock({ localAddress: '127.0.0.9' }));
  await eventually(() => proxied.every(({ socket: each }) => !each.connecting), 5_000);
  expect(await shakesHands({ localAddress: '127.0.0.9' })).toBe(true);
  expect(await shakesHands({ path: socket, port: undefined, host: undefined })).toBe(true);
  for (const { socket: each } of [...held, ...proxied]) each.destroy();
  // Who closes them may again.
  await eventually(() => shakesHands({ localAddress: '127.0.0.2' }), 5_000);
});

test('who makes no handshake holds no place for long', async () => {
  const { shut } = knock({ localAddress: '127.0.0.4' });
  // 5 s; Node's own would be two minutes.
  await eventually(shut, 20_000);
}, 30_000);
