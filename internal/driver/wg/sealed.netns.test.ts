import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { realClock } from '#internal/clock/clock.ts';
import { emptyDataplane, type Link, type MutableDataplane, type Peer, put } from '#internal/dataplane/dataplane.ts';
import { createLog } from '#internal/log/log.ts';
import { plan } from '#internal/plan/plan.ts';
import { makeIdentity, recipientOf, seal, writeIdentityFile } from '#internal/sealing/sealing.ts';
import { newPrivateKey } from '#internal/x25519/x25519.ts';
import { openWg, type WgDriver } from './wg.ts';

const directory = mkdtempSync(join(tmpdir(), 'pop44-wgs-'));
const netns = { transport: '/run/netns/wgst', pop: '/run/netns/wgsp' };
const keyFile = join(directory, 'access.key');
const uapiDir = '/run/wireguard';
const sealingKeyFile = join(directory, 'sealing.key');
const identity = makeIdentity();
const recipient = recipientOf(identity);

const privateKey = (): string => newPrivateKey().toString('base64');
const publicKey = (): string => randomBytes(32).toString('base64');

beforeAll(() => {
  mkdirSync('/run/netns', { recursive: true });
  mkdirSync(uapiDir, { recursive: true });
  for (const name of ['wgst', 'wgsp']) execFileSync('ip', ['netns', 'add', name]);
  writeFileSync(keyFile, `${privateKey()}\n`);
  writeIdentityFile(sealingKeyFile, identity);
});
afterAll(() => {
  for (const name of ['wgst', 'wgsp']) execFileSync('ip', ['netns', 'del', name]);
  rmSync(directory, { recursive: true });
});

const options = {
  netns,
  uapiDir,
  runDir: directory,
  privateKeyFiles: [keyFile],
  clock: realClock,
  log: createLog({}, 'silent'),
};
let driver: WgDriver;
beforeEach(async () => {
  driver = await openWg({ ...options, sealingKeyFile });
});
afterEach(async () => {
  await bring(emptyDataplane());
  await driver.close();
});

const link: Link = { name: 'p44w0', netns: 'pop', mtu: 1420, listenPort: 51820, fwmark: 0x44, privateKeyFile: keyFile };
const peer = (more: Partial<Peer> = {}): Peer => ({
  link: 'p44w0',
  publicKey: publicKey(),
  allowedIps: ['44.31.0.7/32'],
  keepaliveSeconds: 0,
  ...more,
});

function wanted(links: readonly Link[], peers: readonly Peer[]): MutableDataplane {
  const into = emptyDataplane();
  for (const one of links) put(into, 'link', one);
  for (const one of peers) put(into, 'peer', one);
  return into;
}
const drift = async (want: MutableDataplane) => plan(want, { ...emptyDataplane(), ...(await driver.observe()) });
const bring = async (want: MutableDataplane) => driver.apply(await drift(want));
const wg = (...args: readonly string[]): string =>
  execFileSync('nsenter', [`--net=${netns.pop}`, 'wg', ...args], { encoding: 'utf8', stdio: 'pipe' });
const sealedOf = (key: string, to = recipient): string =>
  Buffer.from(seal(Buffer.from(key, 'base64'), to)).toString('base64');
const presharedKeys = (): string => wg('show', 'p44w0', 'preshared-keys');

test('the access key and a pre-shared key reach the device, and are observed as they were wanted [S5]', async () => {
  const [access, preshared] = [privateKey(), publicKey()];
  const sealedLink: Link = { ...link, privateKeyFile: '', sealedPrivateKey: sealedOf(access) };
  const want = wanted([sealedLink], [peer({ sealedPresharedKey: sealedOf(preshared) }), peer({ allowedIps: [] })]);
  expect(await bring(want)).toEqual([]);
  expect(
    presharedKeys()
      .split('\n')
      .filter((line) => line.endsWith(preshared)),
  ).toHaveLength(1);
  expect(wg('show', 'p44w0', 'public-key')).toBe(execFileSync('wg', ['pubkey'], { input: access, encoding: 'utf8' }));
  expect(await drift(want)).toEqual([]);
  // And by one who opens nothing: which ciphertext a key came from is remembered, without the key.
  await driver.close();
  driver = await openWg(options);
  expect(await drift(want)).toEqual([]);
  const memory = readFileSync(join(directory, 'sealed-keys'), 'utf8');
  for (const key of [access, preshared]) {
    expect(memory).not.toContain(key);
    expect(memory).not.toContain(Buffer.from(key, 'base64').toString('hex'));
  }
});

test('a key that somebody changed or took away by hand is drift, and mended [S5]', async () => {
  const [first, second] = [peer({ allowedIps: [] }), peer({ allowedIps: [] })];
  const key = publicKey();
  const want = wanted([link], [{ ...first, sealedPresharedKey: sealedOf(key) }, second]);
  await bring(want);
  const foreign = join(directory, 'foreign.key');
  writeFileSync(foreign, publicKey());
  for (const { publicKey: of } of [first, second]) wg('set', 'p44w0', 'peer', of, 'preshared-key', foreign);
  const steps = await drift(want);
  expect(steps.map(({ op, kind }) => `${op} ${kind}`)).toEqual(['change peer', 'change peer']);
  expect(await driver.apply(steps)).toEqual([]);
  expect(presharedKeys()).toContain(`${first.publicKey}\t${key}\n`);
  expect(presharedKeys()).toContain(`${second.publicKey}\t(none)\n`);
  wg('set', 'p44w0', 'peer', first.publicKey, 'preshared-key', '/dev/null');
  expect(await bring(want)).toEqual([]);
  expect(presharedKeys()).toContain(key);
});

test('another ciphertext of the same key, another key, and none any more [S5]', async () => {
  const [key, next] = [publicKey(), publicKey()];
  const one = peer({ allowedIps: [] });
  const bare = wanted([link], [one]);
  await bring(bare);
  for (const [sealedPresharedKey, shown] of [
    [sealedOf(key), key],
    [sealedOf(key), key],
    [sealedOf(next), next],
  ] as const) {
    const want = wanted([link], [{ ...one, sealedPresharedKey }]);
    expect((await drift(want)).map(({ op, kind }) => `${op} ${kind}`)).toEqual(['change peer']);
    expect(await bring(want)).toEqual([]);
    expect(await drift(want)).toEqual([]);
    expect(presharedKeys()).toContain(shown);
  }
  expect(await bring(bare)).toEqual([]);
  expect(presharedKeys()).toBe(`${one.publicKey}\t(none)\n`);
});

test('what is sealed to another, and what is no key, stops that peer alone and is not shown [S5]', async () => {
  const stranger = recipientOf(makeIdentity());
  const clear = publicKey();
  const closed = peer({ allowedIps: ['10.0.0.1/32'], sealedPresharedKey: sealedOf(clear, stranger) });
  const bare = peer({ allowedIps: ['10.0.0.2/32'], sealedPresharedKey: clear });
  const open = peer({ allowedIps: ['10.0.0.3/32'], sealedPresharedKey: sealedOf(clear) });
  const failures = await bring(wanted([link], [closed, bare, open]));
  expect(failures.map(({ message }) => message).sort()).toEqual([
    `a key is not sealed to ${recipient}, or was changed`,
    `a key is not sealed to ${recipient}, or was changed`,
  ]);
  expect([...(await driver.observe()).peer.keys()]).toEqual([`p44w0 ${open.publicKey}`]);
});

test('a link whose key is sealed to others is not raised [S5]', async () => {
  const failures = await bring(wanted([{ ...link, privateKeyFile: '' }], []));
  expect(failures.map(({ message }) => message)).toEqual([
    'the private key of p44w0 is not sealed to this node, and no file has it',
  ]);
  expect((await driver.observe()).link.size).toBe(0);
});

test('an identity that is new is read when the old one opens nothing any more [S5]', async () => {
  const before = wanted([link], [peer({ sealedPresharedKey: sealedOf(publicKey()) })]);
  expect(await bring(before)).toEqual([]);
  const next = makeIdentity();
  writeFileSync(sealingKeyFile, `${next}\n${identity}\n`);
  const key = publicKey();
  const both = [sealedOf(key, recipientOf(next)), sealedOf(key)];
  expect(
    await bring(
      wanted(
        [link],
        both.map((sealedPresharedKey) => peer({ allowedIps: [], sealedPresharedKey })),
      ),
    ),
  ).toEqual([]);
  expect(presharedKeys().split(key)).toHaveLength(3);
  writeFileSync(sealingKeyFile, `${identity}\n`);
});
