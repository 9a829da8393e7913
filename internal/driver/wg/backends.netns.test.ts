import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { getPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { realClock } from '#internal/clock/clock.ts';
import { hashOf } from './keyring.ts';
import { kernelBackend } from './kernel.ts';
import { clamped } from './key-file.ts';
import { openUapi } from './uapi.ts';
import { userspaceBackend } from './userspace.ts';

const directory = mkdtempSync(join(tmpdir(), 'pop44-wgb-'));
const uapiDir = '/run/wireguard';
const transport = '/run/netns/wgb';
const deaths: string[] = [];
const refusals: string[] = [];
const userspace = userspaceBackend({
  transport,
  uapiDir,
  runDir: directory,
  program: 'wireguard-go',
  answerTimeoutMs: 5000,
  clock: realClock,
  onDeath: (name) => deaths.push(name),
  onNotFirst: (reason) => refusals.push(reason),
});
const randomKey = (): string => randomBytes(32).toString('base64');

beforeAll(async () => {
  mkdirSync('/run/netns', { recursive: true });
  mkdirSync(uapiDir, { recursive: true });
  execFileSync('ip', ['netns', 'add', 'wgb']);
  await userspace.create('p44w0');
});
afterAll(async () => {
  await userspace.remove('p44w0', 'transport');
  execFileSync('ip', ['netns', 'del', 'wgb']);
  rmSync(directory, { recursive: true });
});

test('a line that the process refuses is a rejection, and the connection goes on', async () => {
  const uapi = await openUapi(join(uapiDir, 'p44w0.sock'), 5000, () => deaths.push('dead'));
  const key = randomBytes(32).toString('hex');
  // More than the socket holds: the process stops reading in the middle of it.
  const rest = `public_key=${key}\nallowed_ip=10.0.0.1/32\n`.repeat(4000);
  await expect(uapi.set(`set=1\npublic_key=${key}\nallowed_ip=10.0.0.1/33\n${rest}\n`)).rejects.toThrow('refused it');
  await uapi.set(`set=1\n${rest}\n`);
  expect((await userspace.read('p44w0', 'transport'))?.peers.map(({ allowedIps }) => allowedIps)).toEqual([
    ['10.0.0.1/32'],
  ]);
  await uapi.set(`set=1\npublic_key=${key}\nremove=true\n\n`);
  expect(deaths).toEqual([]);
  uapi.close();
});

test('all its threads come before what else the node does, where that is allowed', () => {
  const pid = readFileSync(join(directory, 'p44w0.pid'), 'utf8');
  const nices = readdirSync(`/proc/${pid}/task`).map((thread) => getPriority(Number(thread)));
  // A user namespace's root may not.
  if (refusals.length > 0) expect(refusals).toEqual([expect.stringMatching(/EACCES|EPERM/)]);
  else expect(new Set(nices)).toEqual(new Set([-10]));
});

test('a burst waits in its device, in the namespace that it is moved to as well', async () => {
  const shown = (...of: readonly string[]): string =>
    execFileSync('ip', [...of, '-o', 'link', 'show', 'p44w1'], { encoding: 'utf8' });
  await userspace.create('p44w1');
  expect(shown('-n', 'wgb')).toContain('qlen 5000');
  execFileSync('ip', ['-n', 'wgb', 'link', 'set', 'p44w1', 'netns', String(process.pid)]);
  expect(shown()).toContain('qlen 5000');
  await userspace.remove('p44w1', 'pop');
});

// This machine's kernel has no WireGuard; wg(8) speaks to wireguard-go in the same words.
test('the kernel backend writes by wg what the UAPI tells, and reads the same', async () => {
  const kernel = kernelBackend({ transport, pop: transport }, directory);
  const file = join(directory, 'other.key');
  const base64 = randomKey();
  writeFileSync(file, base64, { mode: 0o600 });
  const [first, second] = [randomKey(), randomKey()];
  const set = (publicKey: string, allowedIps: readonly string[]) =>
    ({ op: 'set', publicKey, allowedIps, keepaliveSeconds: 25, endpoint: '198.18.1.2:1' }) as const;
  await kernel.set('p44w0', 'pop', { privateKey: { base64, file }, fwmark: 7, listenPort: 51999 });
  await kernel.setPeers('p44w0', 'pop', [set(first, ['10.0.0.1/32']), set(second, ['10.0.0.2/32', '2001:db8::/64'])]);
  await kernel.setPeers('p44w0', 'pop', [set(second, []), { op: 'remove', publicKey: first }]);
  const read = await kernel.read('p44w0', 'pop');
  expect(read).toMatchObject({
    privateKey: clamped(base64),
    listenPort: 51999,
    fwmark: 7,
    peers: [{ publicKey: second, allowedIps: [], keepaliveSeconds: 25, endpoint: '198.18.1.2:1' }],
  });
  expect(await userspace.read('p44w0', 'transport')).toMatchObject({ ...read, peers: [{ publicKey: second }] });
  await expect(kernel.setPeers('p44w0', 'pop', [set('short', [])])).rejects.toMatchObject({ code: 'rejected' });
  expect(await kernel.read('p44none', 'pop')).toBeUndefined();
});

test('the kernel backend gives wg(8) keys by files that are gone afterwards [S5]', async () => {
  const kernel = kernelBackend({ transport, pop: transport }, directory);
  // A pre-shared key goes by a file that is gone afterwards, and an empty one takes it away.
  const presharedKey = randomKey();
  const keyHash = hashOf(Buffer.from(presharedKey, 'base64'));
  const hashes = async (backend: typeof kernel) =>
    (await backend.read('p44w0', 'pop'))?.peers.map((peer) => peer.presharedKeyHash);
  const keyed = { op: 'set', publicKey: randomKey(), allowedIps: [], keepaliveSeconds: 0 } as const;
  const { publicKey } = keyed;
  for (const peer of (await kernel.read('p44w0', 'pop'))?.peers ?? [])
    await kernel.setPeers('p44w0', 'pop', [{ op: 'remove', publicKey: peer.publicKey }]);
  for (const [key, expected] of [
    [presharedKey, keyHash],
    [undefined, keyHash],
    ['', undefined],
    [presharedKey, keyHash],
  ] as const) {
    await kernel.setPeers('p44w0', 'pop', [{ ...keyed, ...(key === undefined ? {} : { presharedKey: key }) }]);
    expect([await hashes(kernel), await hashes(userspace)]).toEqual([[expected], [expected]]);
  }
  await kernel.setPeers('p44w0', 'pop', [{ op: 'remove', publicKey }]);
  const sealedKey = randomKey();
  await kernel.set('p44w0', 'pop', { privateKey: { base64: sealedKey } });
  expect((await kernel.read('p44w0', 'pop'))?.privateKey).toBe(clamped(sealedKey));
  expect(readdirSync(directory).filter((name) => name.startsWith('keys-'))).toEqual([]);
});
