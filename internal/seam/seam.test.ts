import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { realClock } from '#internal/clock/clock.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { connectSeam, type FromDataplane, onlyOwnerOf, serveSeam, type Want } from './seam.ts';

const folder = mkdtempSync(join(tmpdir(), 'seam-'));
const path = join(folder, 'dataplane.sock');
const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
  rmSync(path, { force: true });
});

/** As the privileged half has it; the test's folder is the test's user's. */
const admits = onlyOwnerOf(folder, { clock: realClock, refused: () => expect.fail('we are no stranger') });

const want = (number: number): Want => ({ type: 'want', number, revision: '1', whole: true, put: [], remove: [] });
const applied = (number: number): FromDataplane => ({
  type: 'applied',
  number,
  revision: '1',
  failing: 0,
  failures: [],
});

/** The privileged half; the test answers what it was asked. */
async function privileged() {
  const asked: { readonly number: number; readonly answer: (message: FromDataplane) => void }[] = [];
  const seam = await serveSeam(path, {
    admits,
    connected: (send) => send({ type: 'hello', accessPeers: 7 }),
    message: (message, answer) => {
      if ('number' in message) asked.push({ number: message.number, answer });
    },
  });
  open.push(() => seam.close());
  return { seam, asked };
}

function network() {
  const heard: FromDataplane[] = [];
  const state = { lost: 0 };
  const seam = connectSeam(path, { message: (message) => heard.push(message), lost: () => (state.lost += 1) });
  open.push(() => seam.close());
  return { seam, heard, state };
}

test('the first word is hello; the socket is nobody else’s', async () => {
  await privileged();
  const { heard } = network();
  await eventually(() => heard.length === 1, 2_000);
  expect(heard).toEqual([{ type: 'hello', accessPeers: 7 }]);
  // Root and the group that the privileged half runs with.
  expect(statSync(path).mode & 0o777).toBe(0o660);
});

test('an answer to a network half that has gone does not reach the one that came after it', async () => {
  const { asked } = await privileged();
  const first = network();
  await eventually(() => first.heard.length === 1, 2_000);
  first.seam.send(want(1));
  await eventually(() => asked.length === 1, 2_000);
  first.seam.close();
  const second = network();
  await eventually(() => second.heard.length === 1, 2_000);
  second.seam.send(want(1));
  await eventually(() => asked.length === 2, 2_000);
  asked[0]?.answer({ ...applied(1), revision: 'of the first' } as FromDataplane);
  asked[1]?.answer(applied(1));
  await eventually(() => second.heard.length > 1, 2_000);
  expect(second.heard.slice(1)).toEqual([applied(1)]);
});

test('what is no JSON ends the connection that it came by, and nothing else', async () => {
  const { seam, asked } = await privileged();
  const stranger = connect(path);
  const ended = new Promise((resolve) => stranger.once('close', resolve));
  stranger.resume().write('no JSON\n');
  await ended;
  const { seam: client, heard, state } = network();
  await eventually(() => heard.length === 1, 2_000);
  client.send(want(3));
  await eventually(() => asked.length === 1, 2_000);
  seam.send(applied(3));
  await eventually(() => heard.length === 2, 2_000);
  expect(state.lost).toBe(0);
});

test('a network half connects again when the privileged half is back, and knows that it was away', async () => {
  const first = await privileged();
  const { heard, state } = network();
  await eventually(() => heard.length === 1, 2_000);
  await first.seam.close();
  await eventually(() => state.lost === 1, 2_000);
  open.splice(0, 1);
  await privileged();
  await eventually(() => heard.length === 2, 2_000);
});

test('a second privileged half does not take the place of the first', async () => {
  const silent = { admits, connected: () => undefined, message: () => undefined };
  const own = join(folder, 'one.sock');
  const first = await serveSeam(own, silent);
  await expect(serveSeam(own, silent)).rejects.toThrow('another privileged half');
  await first.close();
  const next = await serveSeam(own, silent);
  await next.close();
});
