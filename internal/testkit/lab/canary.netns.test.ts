//   Marked secrets go through every path of a lab; then everything that may be read by others is searched for them.

import { toJsonString } from '@bufbuild/protobuf';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { createPrivateKey, randomBytes } from 'node:crypto';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Client, openClient } from '#internal/client/client.ts';
import { realClock } from '#internal/clock/clock.ts';
import { Fault } from '#internal/errors/errors.ts';
import { GetPopAccessKeyResponseSchema } from '#internal/gen/pop44/v1/fabric_pb.ts';
import { type Canary, canary, type Marked } from '../canary.ts';
import { cli } from '../cli-world.ts';
import { eventually } from '../eventually.ts';
import { programFile } from '../programs.ts';
import { adminContext } from './admin.ts';
import { adminFiles, newWgKeyPair, nodeFiles } from './node-files.ts';
import { nodeDirectory } from './places.ts';
import { raiseLab } from './raise.ts';
import type { World } from './world.ts';

const directory = '/tmp/canary';
const client_ = join(directory, 'client');
const at = (name: string): string => join(client_, name);

let lab: World;
let client: Client;
const marked: Marked[] = [];
/** Everything that the command line has shown, and every answer. */
const heard: string[] = [];

const fromBase64 = (name: string, text: string): Marked => ({ name, secret: Buffer.from(text, 'base64') });
const mark = (name: string, text: string): void => void marked.push(fromBase64(name, text));
const fieldIn = async (file: string, name: string): Promise<string> =>
  new RegExp(`^${name} = (.+)$`, 'm').exec(await readFile(at(file), 'utf8'))?.[1] ?? '';
async function run(line: string): Promise<number> {
  const { code, stdout, stderr } = await cli(client, line);
  heard.push(stdout, stderr);
  return code;
}
/** Of a request that is refused: what it says. */
async function refused(request: Promise<unknown>): Promise<void> {
  const thrown = await request.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  expect(thrown).toBeInstanceOf(Error);
  heard.push(String(thrown), JSON.stringify(thrown));
  if (thrown instanceof Fault) heard.push(String(thrown.cause));
}

const fetcher = fileURLToPath(new URL('./web-fetch.ts', import.meta.url));
const daemon = programFile('pop44d');

/** Files that exist to hold a secret. */
const keyFiles: readonly string[] = [
  join(directory, adminFiles.key),
  ...['p1', 'p2', 'p3'].flatMap((id) => [
    ...['interconnect.wgkey', 'mesh.wgkey', 'sealing.agekey'].map((name) => join(nodeDirectory(id), name)),
    nodeFiles(id).key,
  ]),
];
/** What BIRD of p1 runs and what it has on trial: passwords of sessions are in clear there. */
const birdFiles = ['conf', 'candidate'].map((suffix) => join(nodeDirectory('p1'), 'run', `pop.bird.${suffix}`));
const isKept = (path: string): boolean => [...keyFiles, ...birdFiles, client_].includes(path);

async function etcdDump(): Promise<string> {
  const files = nodeFiles('p1');
  const flags = [`--cacert=${files.ca}`, `--cert=${files.certificate}`, `--key=${files.key}`];
  const { stdout } = await lab.exec('p1t', [
    ...['env', 'ETCDCTL_API=3', 'etcdctl', '--endpoints=https://[fd44:44::1]:2379'],
    ...[...flags, 'get', '', '--prefix'],
  ]);
  return stdout;
}

/** Command line and environment of every process of the lab, ours too: `<pid> cmdline: <name>`. */
async function inProcesses(birds: Canary): Promise<readonly string[]> {
  const found: string[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name)))
    for (const name of ['cmdline', 'environ']) {
      const text = await readFile(`/proc/${pid}/${name}`).catch(() => Buffer.alloc(0));
      found.push(...birds.in(text).map((secret) => `${pid} ${name}: ${secret}`));
    }
  return found;
}

async function everything(birds: Canary): Promise<readonly string[]> {
  const metrics = await Promise.all(
    [1, 2, 3].map(async (n) => {
      const { stdout } = await lab.exec(`p${n}t`, [process.execPath, fetcher, `http://[fd44:44::${n}]:9440/metrics`]);
      return stdout;
    }),
  );
  return [
    ...birds.in(await etcdDump()).map((name) => `etcd: ${name}`),
    ...(await birds.inFiles(directory, isKept)),
    ...(await birds.inFiles('/run/node', isKept)),
    ...(await birds.inFiles('/run/wireguard')),
    ...(await inProcesses(birds)),
    ...birds.in(metrics.join('\n')).map((name) => `metrics: ${name}`),
    ...heard.flatMap((text) => birds.in(text).map((name) => `answers: ${name}: ${text.slice(0, 60)}`)),
  ];
}

beforeAll(async () => {
  lab = await raiseLab({ directory, clock: realClock });
  client = openClient(adminContext(lab));
  await mkdir(client_, { recursive: true });
  for (const { node, keys } of lab.nodes) {
    for (const kind of ['access', 'interconnect', 'mesh'] as const) mark(`${node.id} ${kind}`, keys[kind].privateKey);
    marked.push({ name: `${node.id} identity`, secret: Buffer.from(keys.sealing.slice(16)) });
  }
  for (const file of keyFiles.filter((name) => name.endsWith('.key'))) {
    const { d = '' } = createPrivateKey(await readFile(file)).export({ format: 'jwk' });
    marked.push({ name: file, secret: Buffer.from(d, 'base64url') });
  }
  for (const prefix of ['44.31.0.0/22', '2001:db8:44::/48']) await client.pools.createPool({ prefix });
}, 60_000);
afterAll(async () => {
  client?.close();
  await lab?.stop();
});

test('no secret is anywhere but in its file, whatever was done with it [S5]', async () => {
  const password = randomBytes(30).toString('base64url');
  await writeFile(at('p1-pop.password'), `${password}\n`, { mode: 0o600 });
  marked.push({ name: 'password of p1-pop', secret: Buffer.from(password) });
  let scanning = true;
  const early = canary(marked);
  const scan = (async () => {
    const found: string[] = [];
    while (scanning) found.push(...(await inProcesses(early)));
    return found;
  })();
  // Create, show, change, rotate, render, pretend.
  expect(await run(`tunnel create one --file ${at('one.conf')} --preshared-key --wait`)).toBe(0);
  expect(await run(`tunnel rotate-psk one --key-file ${at('one.conf')} --file ${at('two.conf')} --wait`)).toBe(0);
  expect(await run(`tunnel create keyed --key-file ${at('keyed.key')} --wait`)).toBe(0);
  expect(await run(`tunnel create dry --file ${at('dry.conf')} --preshared-key --dry-run -o json`)).toBe(0);
  expect(await run(`tunnel file one --key-file ${at('two.conf')} --out ${at('three.conf')}`)).toBe(0);
  expect(await run('tunnel update one --mtu 1380 --wait')).toBe(0);
  for (const file of ['one.conf', 'two.conf']) mark(`psk of ${file}`, await fieldIn(file, 'PresharedKey'));
  mark('key of one.conf', await fieldIn('one.conf', 'PrivateKey'));
  mark('key of keyed.key', (await readFile(at('keyed.key'), 'utf8')).trim());
  const identity = join(nodeDirectory('p1'), 'sealing.agekey');
  const popId = lab.nodes[0]?.node.popId ?? '';
  expect(await run(`pop key reseal ${popId} --identity ${identity} --wait`)).toBe(0);
  expect(await run(`upstream password p1-pop --file ${at('p1-pop.password')}`)).toBe(0);
  const signing = await eventually(async () => {
    const found = await Promise.all(birdFiles.map((file) => readFile(file, 'utf8').catch(() => '')));
    return birdFiles.find((_, each) => found[each]?.includes(`password "${password}";`) === true);
  }, 30_000);
  expect((await stat(signing)).mode & 0o077).toBe(0);
  // What ought to have been sealed, in clear; keys where others belong.
  const secret = lab.nodes[0]?.keys.access.privateKey ?? '';
  const bytes = Buffer.from(secret, 'base64');
  const { publicKey } = newWgKeyPair();
  for (const clear of [bytes, Buffer.from(secret), Buffer.from(bytes.toString('hex'))]) {
    const byNode = { p1: clear, p2: clear, p3: clear };
    await refused(client.tunnels.createTunnel({ publicKey, sealedPresharedKey: byNode }));
    await refused(client.tunnels.updateTunnel({ tunnel: 'one', sealedPresharedKey: { byNode } }));
    await refused(client.fabric.setPopAccessKey({ popId, publicKey, replace: true, sealed: { p1: clear } }));
  }
  await refused(client.tunnels.createTunnel({ publicKey, sealedPresharedKey: { [secret]: bytes } }));
  const clearPassword = { upstream: 'p1-pop', sealed: { p1: Buffer.from(password) } };
  await refused(client.fabric.setUpstreamPassword(clearPassword));
  const sealingPublicKey = lab.nodes[0]?.keys.sealing ?? '';
  await refused(client.fabric.setNodeSealingKey({ nodeId: 'p1', sealingPublicKey }));
  expect(await run(`tunnel file one --key-file ${at('keyed.key')}`)).toBe(2);
  expect(await run(`pop key reseal ${popId} --identity ${at('one.conf')}`)).toBe(1);
  // Every list and every get.
  for (const noun of ['pop list', 'node list', 'interconnect list', 'upstream list', 'pool list', 'status'])
    expect(await run(`${noun} -o json`)).toBe(0);
  for (const line of ['tunnel list', 'tunnel get one', 'allocation list', 'quota list'])
    expect(await run(`${line} -o json`)).toBe(0);
  heard.push(toJsonString(GetPopAccessKeyResponseSchema, await client.fabric.getPopAccessKey({ popId })));
  // What a daemon says that cannot start.
  const config = JSON.parse(await readFile(nodeFiles('p1').config, 'utf8')) as { tls: object };
  const broken = at('broken.key');
  await writeFile(broken, `${sealingPublicKey.slice(0, -1)}\n`, { mode: 0o600 });
  const wrong = { ...config, sealingKeyFile: broken, tls: { ...config.tls, keyFile: broken } };
  await writeFile(at('wrong.json'), JSON.stringify(wrong));
  await writeFile(at('clear.json'), JSON.stringify({ ...config, accessKeyFile: secret }));
  for (const [verb, file] of [
    ['sealing-key', 'wrong.json'],
    ['run', 'wrong.json'],
    ['dataplane', 'clear.json'],
  ] as const) {
    const argv = [process.execPath, daemon, verb, '--config', at(file)];
    const { exitCode, stdout, stderr } = await lab.exec('p1t', argv, { accept: [0, 1], timeoutMs: 30_000 });
    expect([verb, exitCode]).toEqual([verb, 1]);
    expect(stderr).toContain('pop44d: ');
    heard.push(stdout, stderr);
  }
  scanning = false;
  expect(await scan).toEqual([]);

  const birds = canary(marked);
  expect(marked.length).toBeGreaterThanOrEqual(20);
  expect(await etcdDump()).toContain('age-encryption.org/v1');
  expect(await everything(birds)).toEqual([]);
  // The searcher sees each of them where it is to be.
  const kept = [
    ...(await birds.inFiles(client_)),
    ...(await Promise.all(keyFiles.map((f) => birds.inFiles(f)))).flat(),
  ];
  const seen = new Set(kept.map((line) => line.slice(line.indexOf(': ') + 2)));
  const unseen = marked.map(({ name }) => name).filter((name) => !seen.has(name));
  // These two nodes' access keys are in no file at all.
  expect(unseen).toEqual(['p2 access', 'p3 access']);
}, 120_000);

test('a leak that is planted is found: in etcd, in a log, in an environment, in an answer [S5]', async () => {
  const secret = Buffer.from('a secret that was never one, 32b');
  const birds = canary([{ name: 'planted', secret }]);
  expect(await everything(birds)).toEqual([]);
  const files = nodeFiles('p1');
  const flags = [`--cacert=${files.ca}`, `--cert=${files.certificate}`, `--key=${files.key}`];
  await lab.exec('p1t', [
    ...['env', 'ETCDCTL_API=3', 'etcdctl', '--endpoints=https://[fd44:44::1]:2379', ...flags],
    ...['put', '/elsewhere', `x${secret.toString('base64')}`],
  ]);
  const log = join(directory, 'log', 'planted.log');
  await writeFile(log, `{"level":30,"key":"${secret.toString('hex')}"}\n`);
  const sleeper = spawn('sleep', ['300'], { env: { PATH: '/bin:/usr/bin', KEY: secret.toString('base64url') } });
  heard.push(secret.toString('latin1'));
  try {
    const found = await eventually(async () => {
      const leaks = await everything(birds);
      if (!leaks.includes(`${sleeper.pid} environ: planted`)) throw new Error(leaks.join(', '));
      return leaks;
    }, 10_000);
    expect(found).toContain('etcd: planted');
    expect(found).toContain(`${log}: planted`);
    expect(found).toContain(`answers: planted: ${secret.toString('latin1')}`);
    expect(found.some((line) => line.includes('/etcd/'))).toBe(true);
  } finally {
    sleeper.kill();
  }
}, 60_000);

test('no process of a node leaves a core, and the daemons open no inspector [S5]', async () => {
  const held: string[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const argv = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0');
    const isDaemon = argv.includes(daemon);
    if (!isDaemon && argv[0]?.endsWith('wireguard-go') !== true) continue;
    // Those of the client's own are not ours.
    if (!isDaemon && !argv.some((word) => word.startsWith('p44'))) continue;
    held.push(isDaemon ? 'pop44d' : 'wireguard-go');
    expect(await readFile(`/proc/${pid}/limits`, 'utf8')).toMatch(/^Max core file size +0 +0 /m);
    expect(Number.parseInt(await readFile(`/proc/${pid}/coredump_filter`, 'utf8'), 16)).toBe(0);
    if (isDaemon) expect(argv).toContain('--disable-sigusr1');
  }
  expect(held.filter((name) => name === 'pop44d')).toHaveLength(6);
  // Three nodes: access, mesh and two interconnects each.
  expect(held.filter((name) => name === 'wireguard-go')).toHaveLength(12);
});
