import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newPrivateKey } from '#internal/x25519/x25519.ts';
import { eventually } from './eventually.ts';
import { type Caller, newNoiseKeys, noiseKeysOf } from './noise.ts';
import { openWireguardClients } from './wireguard-clients.ts';

const link = 'p44noise';
const port = 51999;
const serverKey = newPrivateKey().toString('base64');
const server = noiseKeysOf(serverKey).publicKey;
const directory = mkdtempSync(join(tmpdir(), 'pop44-noise-'));
const secretFile = (base64: string): string => {
  const file = join(directory, randomBytes(8).toString('hex'));
  writeFileSync(file, `${base64}\n`, { mode: 0o600 });
  return file;
};
const wg = (...args: readonly string[]): string => execFileSync('wg', args, { encoding: 'utf8', stdio: 'pipe' });

beforeAll(() => {
  mkdirSync('/run/wireguard', { recursive: true });
  execFileSync('wireguard-go', [link], { stdio: 'pipe', env: { ...process.env, LOG_LEVEL: 'silent' } });
  wg('set', link, 'listen-port', String(port), 'private-key', secretFile(serverKey));
  execFileSync('ip', ['link', 'set', link, 'up']);
});
afterAll(() => {
  execFileSync('ip', ['link', 'del', link]);
  rmSync(directory, { recursive: true });
});

/** Seconds since 1970 of each peer's handshake, 0 where there was none. */
const handshakes = (): ReadonlyMap<string, number> =>
  new Map(
    wg('show', link, 'latest-handshakes')
      .trim()
      .split('\n')
      .map((line) => line.split('\t'))
      .map(([key = '', at = '0']) => [key, Number(at)]),
  );

const withPresharedKey = (caller: Caller): Caller => ({ ...caller, presharedKey: randomBytes(32) });

test('the real server shakes hands with many of our clients, some with a pre-shared key, and takes their packets', async () => {
  const callers = Array.from({ length: 40 }, (_, at): Caller => {
    const caller = { keys: newNoiseKeys(), server };
    return at % 2 === 0 ? caller : withPresharedKey(caller);
  });
  for (const [at, { keys, presharedKey }] of callers.entries()) {
    const args = ['set', link, 'peer', keys.publicKey.toString('base64'), 'allowed-ips', `10.9.0.${at}/32`];
    const more = presharedKey === undefined ? [] : ['preshared-key', secretFile(presharedKey.toString('base64'))];
    wg(...args, ...more);
  }
  const clients = await openWireguardClients({ address: '127.0.0.1', port });
  await clients.connect(callers);
  expect(clients.sessions()).toBe(40);
  const before = Number(wg('show', link, 'transfer').split('\n')[0]?.split('\t')[1]);
  await clients.keepalive();
  // Confirmed by the first packet that the server could open.
  await eventually(() => [...handshakes().values()].every((at) => at > 0), 10_000);
  await eventually(() => Number(wg('show', link, 'transfer').split('\n')[0]?.split('\t')[1]) > before, 10_000);
  clients.close();
});

test('who has the wrong pre-shared key gets no session', async () => {
  const known = { keys: newNoiseKeys(), server };
  const presharedKey = secretFile(randomBytes(32).toString('base64'));
  wg('set', link, 'peer', known.keys.publicKey.toString('base64'), 'preshared-key', presharedKey);
  const clients = await openWireguardClients({ address: '127.0.0.1', port });
  const failed = await Promise.race([
    clients.connect([known]).then(
      () => 'connected',
      () => 'failed',
    ),
    new Promise((resolve) => setTimeout(() => resolve('no answer that opens'), 2_500)),
  ]);
  expect(failed).toBe('no answer that opens');
  expect(handshakes().get(known.keys.publicKey.toString('base64'))).toBe(0);
  clients.close();
});
