//   TLS client -- https --> pop44-web -- order --> Pebble
//                              ^--- challenge by http --'

import type { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { get, type IncomingMessage } from 'node:http';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Clock, realClock } from '#internal/clock/clock.ts';
import { keep } from '#internal/exec/exec.ts';
import type { Fields, Log } from '#internal/log/log.ts';
import { type AcmeServer, startAcmeServer } from '#internal/testkit/acme-server.ts';
import { freePorts } from '#internal/testkit/etcd.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { skippedWithoutTools, toolPath } from '#internal/testkit/tools.ts';
import { type WebScene, webScene } from '#internal/testkit/web-scene.ts';
import { openWeb, type Settings, type Web } from './web.ts';

const pebble = toolPath('pebble');
const program = fileURLToPath(new URL('../cmd/pop44-web/main.ts', import.meta.url));
const hourMs = 3600_000;
const dayMs = 24 * hourMs;
const withinMs = 20_000;

let folder: string;
let acme: AcmeServer;
let scene: WebScene;
/** PEM of who signed what the scene's instance shows. */
let root = '';
let [port, plainPort, metricsPort] = [0, 0, 0];

/** Goes forward when it is told to; nobody sleeps longer than a moment. */
let aheadMs = 0;
const clock: Clock = {
  monotonicMs: () => realClock.monotonicMs() + aheadMs,
  wall: () => new Date(realClock.wall().getTime() + aheadMs),
  sleep: (ms, signal) => realClock.sleep(Math.min(ms, 50), signal),
};

interface Line {
  readonly event: string;
  readonly fields: Fields | undefined;
}
const lines: Line[] = [];
const note = (event: string, fields?: Fields): void => void lines.push({ event, fields });
const log: Log = { info: note, warn: note, error: note };
const told = (event: string): readonly Fields[] =>
  lines.flatMap((line) => (line.event === event ? [line.fields ?? {}] : []));

const settingsOf = (state: string): Partial<Settings> => ({
  secretFile: join(folder, 'secret'),
  acme: {
    server: acme.directory,
    caFile: acme.caFile,
    stateDirectory: join(folder, state),
    contact: 'ops@example.org',
  },
});

beforeAll(async () => {
  if (pebble === undefined) return;
  folder = await mkdtemp(join(tmpdir(), 'pop44-web-acme-'));
  await writeFile(join(folder, 'secret'), 'a secret of two instances, 32 bytes');
  [port = 0, plainPort = 0, metricsPort = 0] = await freePorts(3);
  acme = await startAcmeServer(pebble, plainPort);
  scene = await webScene({
    ...{ clock, log },
    settings: {
      ...settingsOf('one'),
      public: { listen: [`127.0.0.1:${port}`], names: ['localhost'], plain: [`127.0.0.1:${plainPort}`] },
      metrics: `127.0.0.1:${metricsPort}`,
    },
  });
}, 60_000);
afterAll(async () => {
  await scene?.[Symbol.asyncDispose]();
  await acme?.[Symbol.asyncDispose]();
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
});

/** A connection of somebody who trusts that root alone. */
const connected = (root: string, to = port): Promise<TLSSocket> =>
  new Promise((resolve, reject) => {
    const socket: TLSSocket = connectTls({ port: to, host: '127.0.0.1', servername: 'localhost', ca: root }, () =>
      resolve(socket),
    );
    socket.on('error', reject);
  });

async function shown(root: string, to = port): Promise<X509Certificate> {
  const socket = await connected(root, to);
  const certificate = socket.getPeerX509Certificate();
  socket.destroy();
  if (certificate === undefined) throw new Error('no certificate');
  return certificate;
}

/** On a connection that is there. */
const healthz = (socket: TLSSocket): Promise<string> =>
  new Promise((resolve, reject) => {
    socket.once('close', () => reject(new Error('closed')));
    socket.once('data', (data: Buffer) => resolve(data.toString().split('\r\n')[0] ?? ''));
    socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n');
  });

const figure = (name: string): Promise<number> =>
  new Promise((resolve, reject) => {
    get({ port: metricsPort, host: '127.0.0.1', path: '/metrics' }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => (text += part));
      response.on('end', () =>
        resolve(Number(new RegExp(`^${name}\\{certificate="public"\\} (\\S+)$`, 'm').exec(text)?.[1])),
      );
    }).on('error', reject);
  });

test('a certificate is ordered at the start, and shown to who trusts the CA; its key is for the owner alone', async (ctx) => {
  if (pebble === undefined) return ctx.skip(skippedWithoutTools());
  root = await acme.root();
  await eventually(() => told('certificate-issued').length > 0, withinMs);
  const certificate = await shown(root);
  expect(certificate.checkHost('localhost')).toBe('localhost');
  const file = join(folder, 'one', 'public.pem');
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect(await readFile(file, 'utf8')).toContain(certificate.toString().trim());
  expect(told('certificate-issued')).toHaveLength(1);
  expect(await figure('pop44_certificate_expiry_seconds')).toBeGreaterThan(30 * 24 * 3600);
  expect(await figure('pop44_certificate_failures')).toBe(0);
});

test('by HTTP everybody but a CA is led to HTTPS', async (ctx) => {
  if (pebble === undefined) return ctx.skip(skippedWithoutTools());
  const { statusCode, headers } = await new Promise<IncomingMessage>((resolve, reject) => {
    get({ port: plainPort, host: '127.0.0.1', path: '/sign-up' }, (response) => resolve(response.resume())).on(
      'error',
      reject,
    );
  });
  expect([statusCode, headers.location]).toEqual([308, 'https://localhost/sign-up']);
});

test('another instance, a process of its own, has its order answered by the first, which has never heard of it', async (ctx) => {
  if (pebble === undefined) return ctx.skip(skippedWithoutTools());
  const [otherPort = 0] = await freePorts(1);
  const { ca, certificate, key, daemons } = scene.settings.context;
  const { acme: ordering, secretFile } = settingsOf('two');
  const file = join(folder, 'web.json');
  const fields = {
    ...{ ca, certificate, key, daemons, secretFile, acme: { ...ordering, termsAgreed: true } },
    public: { listen: [`127.0.0.1:${otherPort}`], names: ['localhost'] },
  };
  await writeFile(file, JSON.stringify(fields));
  const said: string[] = [];
  const ended = Promise.withResolvers<string>();
  const child = await keep({
    file: process.execPath,
    args: [program, '--config', file],
    onStderr: (line) => said.push(line),
    onExit: ended.resolve,
  });
  try {
    await eventually(() => said.some((line) => line.includes('"certificate-issued"')), withinMs);
    expect((await shown(root, otherPort)).serialNumber).not.toBe((await shown(root)).serialNumber);
  } finally {
    await child.stop();
  }
  expect(await ended.promise).toMatch(/exit code 0$/);
  expect(said.join('\n')).not.toMatch(/PRIVATE|BEGIN/);
});

test('when the server wants it renewed it is, as a replacement, and no connection breaks', async (ctx) => {
  if (pebble === undefined) return ctx.skip(skippedWithoutTools());
  const before = await shown(root);
  const kept = await connected(root);
  expect(await healthz(kept)).toBe('HTTP/1.1 200 OK');
  const ago = (ms: number): string => new Date(realClock.wall().getTime() - ms).toISOString();
  await acme.advise(
    before.toString(),
    JSON.stringify({ suggestedWindow: { start: ago(2 * hourMs), end: ago(hourMs) } }),
  );
  // Pebble wants to be asked again after six hours.
  aheadMs += 7 * hourMs;
  await eventually(async () => (await shown(root)).serialNumber !== before.serialNumber, withinMs);
  expect(acme.lines.filter((line) => line.includes('is a replacement of'))).toHaveLength(1);
  expect(await healthz(kept)).toBe('HTTP/1.1 200 OK');
  expect(kept.getPeerX509Certificate()?.serialNumber).toBe(before.serialNumber);
  kept.destroy();
});

test('while the server is away the old one is shown, and a person hears of it; then there is a new one', async (ctx) => {
  if (pebble === undefined) return ctx.skip(skippedWithoutTools());
  const before = await shown(root);
  await acme.stop();
  lines.length = 0;
  // Of 90 days: a third is left, then 14 days.
  const leftMs = (): number => before.validToDate.getTime() - clock.wall().getTime();
  aheadMs += leftMs() - 29 * dayMs;
  await eventually(() => told('certificate-not-issued').length > 0, withinMs);
  expect(told('certificate-ends-soon')).toEqual([]);
  const [failed] = told('certificate-not-issued');
  expect(failed).toMatchObject({
    site: 'public',
    failures: 1,
    reason: expect.stringMatching(/^localhost:\d+: .*ECONNREFUSED/),
  });
  aheadMs += leftMs() - 13 * dayMs;
  await eventually(() => told('certificate-ends-soon').length > 0, withinMs);
  expect((await shown(root)).serialNumber).toBe(before.serialNumber);
  expect(await figure('pop44_certificate_failures')).toBeGreaterThan(0);
  expect(await figure('pop44_certificate_expiry_seconds')).toBeLessThan(13 * 24 * 3600);
  // It has forgotten the account and the certificate that is replaced.
  await acme.start();
  root = await acme.root();
  aheadMs += 7 * hourMs;
  await eventually(() => shown(root), withinMs);
  expect(await eventually(async () => (await figure('pop44_certificate_failures')) === 0, withinMs)).toBe(true);
  // Or it is past the third of the next one, too.
  aheadMs = 0;
});

test('what was kept is shown at once after a restart, also when the server is away', async (ctx) => {
  if (pebble === undefined) return ctx.skip(skippedWithoutTools());
  const before = await shown(root);
  const [otherPort = 0] = await freePorts(1);
  await acme.stop();
  const { console: _, metrics: __, ...settings } = scene.settings;
  const again = await openWeb(
    { ...settings, public: { listen: [`127.0.0.1:${otherPort}`], names: ['localhost'], plain: [] } },
    { clock, log },
  );
  try {
    expect((await shown(root, otherPort)).serialNumber).toBe(before.serialNumber);
  } finally {
    await again.close();
    await acme.start();
  }
});

test('a name that leads elsewhere gets none, and the log says which and why; those before it keep theirs', async (ctx) => {
  if (pebble === undefined) return ctx.skip(skippedWithoutTools());
  const [otherPort = 0] = await freePorts(1);
  const { console: _, metrics: __, ...settings } = scene.settings;
  const withNames = (state: string): Promise<Web> => {
    lines.length = 0;
    const names = ['localhost', 'elsewhere.invalid'];
    const where = { listen: [`127.0.0.1:${otherPort}`], names, plain: [] };
    return openWeb({ ...settings, ...settingsOf(state), public: where }, { clock, log });
  };
  const refused = async (): Promise<void> => {
    await eventually(() => told('certificate-not-issued').length > 0, withinMs);
    expect(told('certificate-not-issued')[0]?.['reason']).toMatch(/^elsewhere\.invalid was not validated: \w+: /);
  };
  const before = await shown(root);
  {
    const added = await withNames('one');
    try {
      await refused();
      expect((await shown(root, otherPort)).serialNumber).toBe(before.serialNumber);
    } finally {
      await added.close();
    }
  }
  const other = await withNames('three');
  try {
    await refused();
    await expect(connected(root, otherPort)).rejects.toThrow(/handshake failure/);
  } finally {
    await other.close();
  }
  const secrets = [/PRIVATE KEY/, new RegExp(await readFile(join(folder, 'secret'), 'utf8'))];
  for (const secret of secrets) expect(JSON.stringify(lines)).not.toMatch(secret);
});
