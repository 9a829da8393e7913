import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, type TestContext, test } from 'vitest';
import { realClock } from '#internal/clock/clock.ts';
import { emptyDataplane, type Link, type MutableDataplane, type Peer, put } from '#internal/dataplane/dataplane.ts';
import { keep, run } from '#internal/exec/exec.ts';
import { createLog } from '#internal/log/log.ts';
import { plan } from '#internal/plan/plan.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { newPrivateKey } from '#internal/x25519/x25519.ts';
import { kernelHasWireguard } from './kernel.ts';
import { openWg, type WgDriver } from './wg.ts';

const directory = mkdtempSync(join(tmpdir(), 'pop44-wg-'));
const netns = { transport: '/run/netns/wgt', pop: '/run/netns/wgp' };
const keyFile = join(directory, 'access.key');
const badKeyFile = join(directory, 'bad.key');
const uapiDir = '/run/wireguard';

const privateKey = (): string => newPrivateKey().toString('base64');
const publicKey = (): string => randomBytes(32).toString('base64');

beforeAll(() => {
  mkdirSync('/run/netns', { recursive: true });
  mkdirSync(uapiDir, { recursive: true });
  for (const name of ['wgt', 'wgp']) execFileSync('ip', ['netns', 'add', name]);
  writeFileSync(keyFile, `${privateKey()}\n`);
});
afterAll(() => {
  for (const name of ['wgt', 'wgp']) execFileSync('ip', ['netns', 'del', name]);
  rmSync(directory, { recursive: true });
});

const options = {
  netns,
  uapiDir,
  runDir: directory,
  privateKeyFiles: [keyFile, badKeyFile],
  clock: realClock,
  log: createLog({}, 'silent'),
};
let driver: WgDriver;
beforeEach(async () => {
  driver = await openWg(options);
});
afterEach(async () => {
  await bring(emptyDataplane());
  await driver.close();
});

const link: Link = { name: 'p44w0', netns: 'pop', mtu: 1420, listenPort: 51820, fwmark: 0x44, privateKeyFile: keyFile };
const peer = (more: Partial<Peer> = {}): Peer => ({
  link: 'p44w0',
  publicKey: publicKey(),
  allowedIps: ['2001:db8:44:7::/64', '44.31.0.7/32'],
  keepaliveSeconds: 0,
  ...more,
});

function wanted(links: readonly Link[], peers: readonly Peer[]): MutableDataplane {
  const into = emptyDataplane();
  for (const one of links) put(into, 'link', one);
  for (const one of peers) put(into, 'peer', one);
  return into;
}
const observed = async (): Promise<MutableDataplane> => ({ ...emptyDataplane(), ...(await driver.observe()) });
const drift = async (want: MutableDataplane) => plan(want, await observed());
const bring = async (want: MutableDataplane) => driver.apply(await drift(want));
const wgIn = (space: string, ...args: readonly string[]): string =>
  execFileSync('nsenter', [`--net=${space}`, 'wg', ...args], { encoding: 'utf8', stdio: 'pipe' });
const wg = (...args: readonly string[]): string => wgIn(netns.pop, ...args);
const ipIn = (space: string, ...args: readonly string[]): string =>
  execFileSync('ip', ['-n', space, ...args], { encoding: 'utf8', stdio: 'pipe' });
/** With kernel WireGuard there is no process that could die; `npm run test:kernel` has it. */
const kernel = await kernelHasWireguard();
const needsProcess = (context: TestContext): void => {
  if (kernel) context.skip('allowed: kernel WireGuard is no process');
};
const pid = (name: string): number => Number(readFileSync(join(directory, `${name}.pid`), 'utf8'));

test('what was applied is what is observed', async () => {
  const want = wanted(
    [
      link,
      { ...link, name: 'p44i-a', listenPort: 51900, mtu: 1440, fwmark: 0 },
      { ...link, name: 'p44m', netns: 'transport', listenPort: 51844 },
    ],
    [
      peer(),
      peer({ allowedIps: [] }),
      peer({ link: 'p44i-a', allowedIps: ['0.0.0.0/0', '::/0'], endpoint: '198.18.1.2:51900', keepaliveSeconds: 5 }),
      peer({ link: 'p44m', allowedIps: ['fd44:44::2/128'], endpoint: '[2001:db8:1::2]:51844' }),
    ],
  );
  expect(await bring(want)).toEqual([]);
  expect((await driver.observe()).link).toEqual(want.link);
  expect(await drift(want)).toEqual([]);
});

test('the UDP socket stays in the transport namespace', async () => {
  await bring(wanted([link], []));
  const sockets = (path: string) => run({ file: 'ss', args: ['-Hlun'], netns: path }).then(({ stdout }) => stdout);
  await eventually(async () => (await sockets(netns.transport)).includes(':51820'), 10_000);
  expect(await sockets(netns.pop)).toBe('');
});

test('a removed peer, an extra one, another mark and a link that is down are drift, and mended', async () => {
  const [first, second] = [peer(), peer({ allowedIps: ['44.31.0.8/32'] })];
  const want = wanted([link], [first, second]);
  await bring(want);
  wg(
    'set',
    'p44w0',
    'fwmark',
    '0x99',
    'peer',
    first.publicKey,
    'remove',
    'peer',
    publicKey(),
    'allowed-ips',
    '1.2.3.4/32',
  );
  wg('set', 'p44w0', 'peer', second.publicKey, 'allowed-ips', '44.31.0.9/32');
  ipIn('wgp', 'link', 'set', 'p44w0', 'down');
  const steps = await drift(want);
  expect(steps.map(({ op, kind }) => `${op} ${kind}`).sort()).toEqual([
    'add peer',
    'change link',
    'change peer',
    'remove peer',
  ]);
  expect(await driver.apply(steps)).toEqual([]);
  expect(await drift(want)).toEqual([]);
});

test('one bad peer among many does not stop the others', async () => {
  await bring(wanted([link], []));
  const peers = Array.from({ length: 700 }, (_, index) =>
    peer({ allowedIps: [`10.0.${index >> 8}.${index & 255}/32`] }),
  );
  const want = wanted([link], [...peers, peer({ allowedIps: ['10.9.9.9/33'] }), peer({ publicKey: 'short' })]);
  const failures = await bring(want);
  expect(failures.map(({ message }) => message).sort()).toEqual([
    '"10.9.9.9/33" is not a prefix',
    '"short" is not a WireGuard key',
  ]);
  expect((await driver.observe()).peer.size).toBe(700);
});

test('a restarted driver adopts what stands and touches no peer', async () => {
  const want = wanted([link], [peer()]);
  await bring(want);
  const itself = (): string => ipIn('wgp', '-o', 'link', 'show', 'p44w0').split(':')[0] ?? '';
  const before = [itself(), kernel || pid('p44w0')];
  await driver.close();
  driver = await openWg(options);
  expect(await drift(want)).toEqual([]);
  expect([itself(), kernel || pid('p44w0')]).toEqual(before);
});

test('the death of wireguard-go is told at once, and the link comes back', async (context) => {
  needsProcess(context);
  const reasons: string[] = [];
  driver.onDisturbance((reason) => reasons.push(reason));
  const want = wanted([link], [peer()]);
  await bring(want);
  process.kill(pid('p44w0'), 'SIGKILL');
  await eventually(() => reasons.length > 0, 10_000);
  expect(reasons).toEqual(['wireguard-go of p44w0 has died']);
  expect((await driver.observe()).link.size).toBe(0);
  expect(await bring(want)).toEqual([]);
  expect(await drift(want)).toEqual([]);
});

test('an interface that somebody removed is drift, and comes back', async () => {
  const want = wanted([link], [peer()]);
  await bring(want);
  ipIn('wgp', 'link', 'del', 'p44w0');
  // wireguard-go needs a while to notice, and the driver until then as long as it does.
  await eventually(async () => (await drift(want)).length === 2, 5000);
  expect(await bring(want)).toEqual([]);
  expect(await drift(want)).toEqual([]);
});

test('a removed link leaves no process and is no disturbance', async (context) => {
  needsProcess(context);
  const reasons: string[] = [];
  driver.onDisturbance((reason) => reasons.push(reason));
  await bring(wanted([link], [peer()]));
  const process = `/proc/${pid('p44w0')}`;
  expect(await bring(emptyDataplane())).toEqual([]);
  await eventually(() => execFileSync('sh', ['-c', `test ! -d ${process} && echo gone`]), 10_000);
  expect(reasons).toEqual([]);
});

test('a stopped wireguard-go, which answers no more, is replaced', async (context) => {
  needsProcess(context);
  const want = wanted([link], [peer()]);
  await bring(want);
  await driver.close();
  driver = await openWg({ ...options, answerTimeoutMs: 300 });
  const stopped = pid('p44w0');
  process.kill(stopped, 'SIGSTOP');
  expect((await driver.observe()).link.size).toBe(0);
  expect(await bring(want)).toEqual([]);
  expect(pid('p44w0')).not.toBe(stopped);
  expect(await drift(want)).toEqual([]);
});

test('a peer that shook hands is heard of, and where it roamed to is no drift', async () => {
  ipIn('wgt', 'link', 'add', 'v0', 'type', 'veth', 'peer', 'name', 'v1', 'netns', 'wgp');
  for (const [space, dev, addresses] of [
    ['wgt', 'v0', ['198.18.0.1/24']],
    ['wgp', 'v1', ['198.18.0.2/24', '198.18.0.3/24']],
  ] as const) {
    for (const address of addresses) ipIn(space, 'address', 'add', address, 'dev', dev);
    ipIn(space, 'link', 'set', dev, 'up');
  }
  const client = { key: privateKey(), file: join(directory, 'client.key') };
  writeFileSync(client.file, client.key);
  const clientKey = execFileSync('wg', ['pubkey'], { input: client.key, encoding: 'utf8' }).trim();
  const ours = execFileSync('wg', ['pubkey'], { input: readFileSync(keyFile), encoding: 'utf8' }).trim();
  const child = await keep({
    file: 'wireguard-go',
    args: ['cl0'],
    netns: netns.pop,
    env: { WG_PROCESS_FOREGROUND: '1' },
  });
  await eventually(() => wg('show', 'cl0'), 10_000);

  const pinned = peer({ publicKey: clientKey, endpoint: '198.18.0.9:1' });
  const want = wanted([link], [pinned]);
  await bring(want);
  expect((await driver.observe()).peer.get(`p44w0 ${clientKey}`)?.endpoint).toBe('198.18.0.9:1');
  expect((await driver.telemetry('p44w0'))[0]?.lastHandshakeMs).toBe(0);

  wg('set', 'cl0', 'private-key', client.file, 'listen-port', '6000');
  wg(
    'set',
    'cl0',
    'peer',
    ours,
    'endpoint',
    '198.18.0.1:51820',
    'allowed-ips',
    '0.0.0.0/0',
    'persistent-keepalive',
    '1',
  );
  ipIn('wgp', 'link', 'set', 'cl0', 'up');
  const told = await eventually(
    async () => (await driver.telemetry('p44w0')).find((one) => one.lastHandshakeMs > 0),
    8000,
  );
  expect(told).toMatchObject({ publicKey: clientKey, endpoint: '198.18.0.2:6000' });
  expect(Math.abs(Date.now() - told.lastHandshakeMs)).toBeLessThan(10_000);
  expect(told.rxBytes).toBeGreaterThan(0);
  expect((await driver.observe()).peer.get(`p44w0 ${clientKey}`)).not.toHaveProperty('endpoint');
  expect(await drift(want)).toEqual([]);

  // Another change of this peer leaves the endpoint where it is.
  await bring(wanted([link], [{ ...pinned, keepaliveSeconds: 25 }]));
  expect(wg('show', 'p44w0', 'endpoints')).toContain('198.18.0.2:6000');
  await child.stop();
});

test('a call does not bring back a peer that was removed meanwhile [T9]', async (context) => {
  // wg(8) cannot be told so: there the applier's turn is what keeps it away.
  needsProcess(context);
  const [gone, stays] = [peer({ keepaliveSeconds: 7 }), peer({ allowedIps: ['44.31.0.8/32'], keepaliveSeconds: 7 })];
  await bring(wanted([link], [gone, stays]));
  await driver.dial([{ peer: gone, endpoint: '198.18.0.9:1' }], false);
  wg('set', 'p44w0', 'peer', gone.publicKey, 'remove');
  const both = [gone, stays];
  expect(
    await driver.dial(
      both.map((one) => ({ peer: one, endpoint: '198.18.0.9:1' })),
      false,
    ),
  ).toEqual([]);
  expect(wg('show', 'p44w0', 'persistent-keepalive')).toBe(`${stays.publicKey}\t25\n`);
  expect(await driver.hangUp(both)).toEqual([]);
  expect(wg('show', 'p44w0', 'persistent-keepalive')).toBe(`${stays.publicKey}\t7\n`);
});

test('interfaces without our prefix are neither seen nor touched', async () => {
  const other = execFileSync('sh', [
    '-c',
    'WG_PROCESS_FOREGROUND=1 setsid nsenter --net=/run/netns/wgt wireguard-go wg7 >/dev/null 2>&1 & echo $!',
  ]);
  await eventually(() => wgIn(netns.transport, 'show', 'wg7'), 10_000);
  await bring(wanted([link], []));
  expect([...(await driver.observe()).link.keys()]).toEqual(['p44w0']);
  const failures = await driver.apply([
    { op: 'remove', kind: 'link', key: 'wg7', found: { ...link, name: 'wg7' } },
    { op: 'add', kind: 'peer', key: 'x', want: peer({ link: 'wg7' }) },
  ]);
  expect(failures).toHaveLength(2);
  expect(wgIn(netns.transport, 'show', 'wg7', 'peers')).toBe('');
  process.kill(Number(other.toString()));
});

test('a process that cannot live tells why', async (context) => {
  needsProcess(context);
  ipIn('wgt', 'link', 'add', 'p44i-b', 'type', 'bridge');
  const failures = await bring(wanted([{ ...link, name: 'p44i-b' }], []));
  expect(failures[0]?.message).toMatch(/^p44i-b did not come to life: .*Failed to create TUN device/);
  ipIn('wgt', 'link', 'del', 'p44i-b');
});

test('a file without a key is named', async () => {
  writeFileSync(badKeyFile, 'no key\n');
  const failureOf = async (privateKeyFile: string): Promise<string | undefined> => {
    const want = { ...link, privateKeyFile };
    const [failure] = await driver.apply([{ op: 'add', kind: 'link', key: 'p44w0', want }]);
    return failure?.message;
  };
  expect(await failureOf(badKeyFile)).toMatch(/bad.key holds no WireGuard key$/);
  // Reading it would never end.
  expect(await failureOf('/dev/zero')).toBe('"/dev/zero" is not a key file of this node');
});
