//   a person without a browser -- https, by a proxy's socket --> pop44-web --> an API on a store in memory

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type ClientFile, wgQuick } from '#internal/clientfile/clientfile.ts';
import { SignUpPolicy } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { goodPassword } from '#internal/testkit/accounts.ts';
import { newWgKeyPair } from '#internal/testkit/lab/node-files.ts';
import { webScene } from '#internal/testkit/web-scene.ts';
import { webVisitor } from './web-visitor.ts';

test('from the form of a sign-up to the file of a tunnel', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'pop44-visitor-'));
  const socket = join(directory, 'web.sock');
  await using scene = await webScene({ listen: ['127.0.0.1:0', `unix:${socket}`], trustedProxies: ['unix'] });
  await scene.client.people.setSignUp({ policy: SignUpPolicy.OPEN });
  const person = webVisitor(socket, Buffer.from(scene.ca), '100.64.0.9');
  const email = 'one@example.org';
  const account = { callsign: 'OE1ONE', email, password: goodPassword };
  expect(await person.fill('/', '/signup', account)).toBe('/sent');
  const secret = Buffer.from(await scene.mails.secretTo(email, 'confirm your address')).toString('base64url');
  expect(await person.fill('/verify', '/verify', { secret })).toBe('/login?said=verified');
  expect(await person.fill('/login', '/login', { name: 'OE1ONE', password: goodPassword })).toBe('/');
  const { privateKey, publicKey } = newWgKeyPair();
  const wanted = { name: 'station', pop: '', presets: 'ping', public_key: publicKey };
  const made = await person.fillForData<{ id: string; pops: string[] }>('/tunnels/new', '/tunnels', wanted);
  const template = await person.data<Omit<ClientFile, 'privateKey'>>(
    `/tunnels/${made.id}/template?pop=${made.pops[0] ?? ''}`,
  );
  expect(wgQuick({ ...template, privateKey })).toMatch(/^Address = [0-9.]+/m);
  await expect(person.fill('/login', '/login', { name: 'OE1ONE', password: 'wrong' })).rejects.toThrow(/status 4/);
  await rm(directory, { recursive: true, force: true });
}, 30_000);
