// People: logins beside provisioning, floods of both kinds of strangers, and how soon a login that was revoked is nobody's.
//
// Three members and three daemons on one machine, with whoever calls them. Calls come as by a pop44-web, each from an address
// of its own: a flood from one address is turned away before it reaches the queue of passwords.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Client } from '#internal/client/client.ts';
import { realClock } from '#internal/clock/clock.ts';
import { run } from '#internal/exec/exec.ts';
import { SignUpPolicy } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { goodPassword } from '#internal/testkit/accounts.ts';
import { type Cluster, raiseCluster } from '#internal/testkit/cluster.ts';
import { adminFiles } from '#internal/testkit/lab/node-files.ts';
import { programFile } from '#internal/testkit/programs.ts';
import { publicKey } from '#internal/testkit/requests.ts';
import { atRate, type Pace } from './at-rate.ts';
import { firstPacket } from './first-packet.ts';
import type { BenchOptions } from './main.ts';
import { rssBytes } from './process.ts';
import { outcomeOf } from './outcome.ts';
import { type Figures, figure, median, quantile } from './report.ts';
import type { Strangers } from './strangers.ts';
import { callsignOf, frontOf, logIn, members, siteOf, sourceOf } from './visitors.ts';

/** The sandbox's /tmp is memory, where a commit costs nothing. */
const disk = fileURLToPath(new URL('../.cache', import.meta.url));
const program = programFile('pop44');
const pools = ['44.64.0.0/12', '2001:db8:44::/48'];

const loginsPerSecond = 5;
const floodPerSecond = 500;
/** As a network that grows fast. */
const provisionedPerSecond = 10;
const burst = 500;
/** Of callsigns and addresses, each their own. */
const [strangers, burstStrangers] = [2_000, 9_000];
const lookMs = 10;
const patienceMs = 10_000;
const mega = 1e6;

const seconds = (quick: boolean, few: number, many: number): number => 1_000 * (quick ? few : many);

type Called = readonly (readonly [ms: number, outcome: string])[];
const msOf = (called: Called, outcome?: string): readonly number[] =>
  called.flatMap(([ms, what]) => (outcome === undefined || what === outcome ? [ms] : []));
const share = (called: Called, outcome: string): number => msOf(called, outcome).length / called.length;

/** The most resident memory of a process while something is done, each 100 ms. */
async function peakOf<T>(pid: number, work: Promise<T>): Promise<readonly [bytes: number, T]> {
  let peak = await rssBytes(pid);
  const timer = setInterval(() => {
    rssBytes(pid).then(
      (bytes) => (peak = Math.max(peak, bytes)),
      () => undefined,
    );
  }, 100);
  try {
    return [peak, await work].with(0, peak) as [number, T];
  } finally {
    clearInterval(timer);
  }
}

async function flooded(strangers: Strangers): Promise<Called> {
  const script = fileURLToPath(new URL('./strangers.ts', import.meta.url));
  const timeoutMs = strangers.pace.ms + 30_000;
  const { stdout } = await run({ file: process.execPath, args: [script, JSON.stringify(strangers)], timeoutMs });
  return JSON.parse(stdout) as Called;
}

/** Tunnels by an admin. */
const provisioned = (admin: Client, pace: Pace): Promise<Called> =>
  atRate(pace, () => outcomeOf(admin.tunnels.createTunnel({ publicKey: publicKey() })));

/** A login at one daemon, revoked at another: milliseconds until no daemon knows it any more. */
async function revoked(cluster: Cluster, front: Client, callsign: string): Promise<number> {
  const bearer = await logIn(front, callsign, sourceOf(0));
  const clients = cluster.nodes.map(({ id }) => cluster.client({ node: id, bearer }));
  const [first] = clients;
  if (first === undefined) throw new Error('a cluster without nodes');
  const until = async (client: Client, wanted: 'granted' | 'unauthenticated'): Promise<void> => {
    const from = performance.now();
    while ((await outcomeOf(client.people.whoAmI({}))) !== wanted) {
      if (performance.now() - from > patienceMs) throw new Error(`a login is not ${wanted} within ${patienceMs} ms`);
      await realClock.sleep(lookMs);
    }
  };
  await Promise.all(clients.map((client) => until(client, 'granted')));
  const began = performance.now();
  const [all] = await Promise.all([
    Promise.all(clients.map((client) => until(client, 'unauthenticated'))).then(() => performance.now() - began),
    first.people.revokeLogin({}),
  ]);
  return all;
}

/** Milliseconds of the installed program, from its start to its end. */
async function programMs(args: readonly string[]): Promise<number> {
  const began = performance.now();
  await run({ file: process.execPath, args: [program, ...args], timeoutMs: 30_000 });
  return performance.now() - began;
}

async function contextFile(cluster: Cluster): Promise<string> {
  const file = join(cluster.directory, 'context.json');
  const { ca, certificate, key } = adminFiles;
  const { daemons } = cluster.context;
  await writeFile(file, JSON.stringify({ ca, certificate, key, daemons }));
  return file;
}

async function measured(cluster: Cluster, { quick, runs, say }: BenchOptions): Promise<Figures> {
  const [node] = cluster.nodes;
  if (node === undefined) throw new Error('a cluster without nodes');
  const pid = node.daemon.pid() ?? 0;
  const options = { node: node.id, deadlineMs: patienceMs };
  const [admin, front] = [cluster.client(options), frontOf(cluster, options)];
  await cluster.createFabric(pools);
  await admin.people.setSignUp({ policy: SignUpPolicy.OPEN });
  say('accounts');
  const callsigns = await members(cluster, front, quick ? 5 : 20);
  const callsign = (n: number): string => callsigns[n % callsigns.length] ?? '';
  const logins = (pace: Pace): Promise<Called> =>
    atRate(pace, (n) => outcomeOf(logIn(front, callsign(n), sourceOf(n))));
  const base = { rate: provisionedPerSecond, ms: seconds(quick, 5, 20) };
  say('warming up');
  await Promise.all([logins({ rate: loginsPerSecond, ms: 3_000 }), provisioned(admin, { ...base, ms: 3_000 })]);

  say(`${loginsPerSecond} logins a second`);
  const calm = await logins({ rate: loginsPerSecond, ms: seconds(quick, 10, 40) * runs });
  say('revoked logins');
  const revocations: number[] = [];
  for (let n = 0; n < (quick ? 5 : 20) * runs; n += 1) revocations.push(await revoked(cluster, front, callsign(n)));

  say('tunnels');
  const alone = await provisioned(admin, base);
  const restBytes = await rssBytes(pid);
  say(`tunnels, and ${floodPerSecond} logins a second`);
  const flooding: Strangers = {
    ...{ context: siteOf(cluster), node: node.id, deadlineMs: patienceMs },
    ...{ first: strangers, pace: { ...base, rate: floodPerSecond } },
  };
  const [floodBytes, [beside, flood]] = await peakOf(pid, Promise.all([provisioned(admin, base), flooded(flooding)]));
  say(`${burst} sign-ups at once`);
  const stranger = (n: number): Promise<string> => {
    const name = callsignOf(burstStrangers + n);
    const email = `${name.toLowerCase()}@example.org`;
    return outcomeOf(
      front.people.signUp({ callsign: name, email, password: goodPassword }, { source: sourceOf(burstStrangers + n) }),
    );
  };
  const [burstBytes, signUps] = await peakOf(pid, atRate({ rate: burst * 100, ms: 10 }, stranger));
  const after = await atRate({ rate: 1_000, ms: 1 }, () => stranger(burst));

  say('the command line');
  const file = await contextFile(cluster);
  const helps: number[] = [];
  for (let n = 0; n < 5 * runs; n += 1) helps.push(await programMs(['--help']));
  say(`${await filled(admin, quick ? 1_000 : 10_000)} tunnels`);
  const lists: number[] = [];
  for (let n = 0; n < 3 * runs; n += 1) lists.push(await programMs(['--context', file, 'tunnel', 'list']));
  front.close();

  const calmMs = msOf(calm);
  const [aloneMs, besideMs] = [msOf(alone), msOf(beside)];
  return {
    login_p99_ms_at_5: figure(quantile(calmMs, 0.99), 'ms', '<= 400', calmMs),
    login_p50_ms_at_5: figure(median(calmMs), 'ms', '', calmMs),
    logins_granted_at_5: figure(share(calm, 'granted'), 'part', '>= 1'),
    revoked_everywhere_ms: figure(Math.max(...revocations), 'ms', '<= 2000', revocations),
    revoked_everywhere_p50_ms: figure(median(revocations), 'ms', '', revocations),
    tunnel_p99_in_flood_to_alone: figure(quantile(besideMs, 0.99) / quantile(aloneMs, 0.99), 'ratio', '<= 2'),
    tunnel_p99_ms_alone: figure(quantile(aloneMs, 0.99), 'ms', '', aloneMs),
    tunnel_p99_ms_in_flood: figure(quantile(besideMs, 0.99), 'ms', '', besideMs),
    tunnels_granted_in_flood: figure(share(beside, 'granted'), 'part', '>= 1'),
    flood_turned_away: figure(share(flood, 'busy'), 'part', ''),
    flood_p99_ms: figure(quantile(msOf(flood), 0.99), 'ms', '', msOf(flood)),
    flood_daemon_mb_more: figure((floodBytes - restBytes) / mega, 'MB', '<= 200'),
    burst_turned_away: figure(share(signUps, 'busy'), 'part', ''),
    burst_granted: figure(msOf(signUps, 'granted').length, 'sign-ups', ''),
    burst_p99_ms: figure(quantile(msOf(signUps), 0.99), 'ms', '<= 4000', msOf(signUps)),
    burst_daemon_mb_more: figure((burstBytes - restBytes) / mega, 'MB', '<= 200'),
    sign_up_after_burst_ms: figure(Math.max(...msOf(after)), 'ms', ''),
    cli_help_ms: figure(median(helps), 'ms', '<= 150', helps),
    cli_tunnel_list_ms: figure(median(lists), 'ms', '<= 1500', lists),
  };
}

const atOnce = 64;

/** Tunnels until there are so many; gives how many there are. */
async function filled(admin: Client, count: number): Promise<number> {
  const there = async (): Promise<number> => Number((await admin.status.getStatus({})).tunnels);
  for (let left = count - (await there()); left > 0; left -= atOnce)
    await Promise.all(
      Array.from({ length: Math.min(atOnce, left) }, () => admin.tunnels.createTunnel({ publicKey: publicKey() })),
    );
  return there();
}

export const peopleParts = ['daemons', 'first-packet'] as const;

export async function people(options: BenchOptions): Promise<Figures> {
  const { only } = options;
  return {
    ...(only !== 'first-packet' && (await ofDaemons(options))),
    ...(only !== 'daemons' && (await firstPacket(options))),
  };
}

async function ofDaemons(options: BenchOptions): Promise<Figures> {
  options.say('raising three members and three daemons');
  const etcdData = await mkdtemp(join(disk, 'pop44-bench-'));
  try {
    await using cluster = await raiseCluster({ directory: '/tmp/bench', clock: realClock, etcdData });
    return await measured(cluster, options);
  } finally {
    await rm(etcdData, { recursive: true, force: true });
  }
}
