// Lab run: a scenario on a lab: packets through a tunnel in both directions while parts of it are taken away.

import { writeFile } from 'node:fs/promises';
import { type Client, openClient } from '#internal/client/client.ts';
import { wgQuick } from '#internal/clientfile/clientfile.ts';
import { messageOf } from '#internal/errors/errors.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { adminContext, raiseLab, type World } from '#internal/testkit/lab/lab.ts';
import { newWgKeyPair } from '#internal/testkit/lab/node-files.ts';
import { host4 } from '#internal/testkit/lab/topology.ts';
import { randomFrom } from '#internal/testkit/random.ts';
import { type HistoryRecorder, type Holding, recordHistory } from './history.ts';
import { keepFollowing } from './following.ts';
import { goalsOf } from './goals.ts';
import { type LabFaultKind, labFaultTable, runLabFaults } from './lab-fault.ts';
import { keepLooking, type LookingOptions } from './looking.ts';
import { ownCommit } from './older-tree.ts';
import { complaintsIn, logsIn, raisePatchedLab } from './patched-cluster.ts';
import { createTrafficPools } from './pools.ts';
import { startProbes } from './probing.ts';
import { type Recorded, reportOf } from './recorded.ts';
import type { RunOptions, RunResult } from './run.ts';
import { keepSampling } from './sampling.ts';
import { openSecrets } from './secrets.ts';
import { openTunnelTraffic, tunnelOwners } from './tunnel-traffic.ts';

const quietMs = 4_000;
/** WireGuard takes 15 s to see that a session is gone; a comparison comes each 10 s, and BGP after it. */
const restedWithinMs = 60_000;
const calmMs = 3_000;
/** After the time that etcd is away: it comes back, elects, and the daemons hear of it. */
const backSeconds = 12;
const changesPerSecond = 1;

interface Station {
  readonly address4: string;
  readonly publicKey: string;
}

async function bringUp(lab: World, client: Client): Promise<Station> {
  const keys = newWgKeyPair();
  const wanted = { name: 'station', owner: 'station', publicKey: keys.publicKey, homePopId: 'north' };
  const { tunnel } = await client.tunnels.createTunnel(wanted);
  const template = await client.tunnels.getTunnelTemplate({ tunnel: 'station', popId: 'north' });
  await writeFile('/run/station.conf', wgQuick({ ...template, privateKey: keys.privateKey }), { mode: 0o600 });
  const env = { WG_QUICK_USERSPACE_IMPLEMENTATION: 'wireguard-go' };
  await lab.exec('client', ['wg-quick', 'up', '/run/station.conf'], { env });
  return { address4: tunnel?.prefixes[0]?.split('/')[0] ?? '', publicKey: keys.publicKey };
}

const ping = (lab: World, from: string, to: string) => lab.exec(from, ['ping', '-n', '-c1', '-W1', to]);

/** What a node's WireGuard has and what the records say; empty: the same. */
async function problemOf(lab: World, client: Client, node: string): Promise<string> {
  const { tunnels, freshness } = await client.at(node).tunnels.listTunnels({ pageSize: 1_000 });
  if (freshness === undefined || freshness.stale) return 'it does not hear from its store';
  const wanted = tunnels.filter(({ enabled, suspension }) => enabled && suspension === undefined);
  const keys = wanted.flatMap(({ publicKey, nextPublicKey }) => [publicKey, nextPublicKey].filter((key) => key !== ''));
  const { stdout } = await lab.exec(`${node}p`, ['wg', 'show', 'p44w0', 'peers']);
  const held = new Set(stdout.split('\n').filter((line) => line !== ''));
  const missing = keys.filter((key) => !held.has(key)).length;
  const more = held.size - (keys.length - missing);
  if (missing + more > 0) return `${missing} peers of ${keys.length} are missing, ${more} are too many`;
  const { nodes } = await client.at(node).status.getStatus({});
  const failing = nodes.find((each) => each.node?.id === node)?.failingSteps ?? 0;
  return failing > 0 ? `${failing} steps fail` : '';
}

export async function runOnLab(options: RunOptions & { readonly kinds: readonly LabFaultKind[] }): Promise<RunResult> {
  const { clock, directory, patches, say } = options;
  say(`seed ${options.seed}: raising a lab`);
  const lab = await (patches === undefined
    ? raiseLab({ directory, clock })
    : raisePatchedLab({ directory, clock }, patches));
  const client = openClient(adminContext(lab));
  try {
    return await observed(lab, client, options);
  } finally {
    client.close();
    await lab.stop();
  }
}

async function observed(
  lab: World,
  client: Client,
  options: RunOptions & { readonly kinds: readonly LabFaultKind[] },
): Promise<RunResult> {
  const { clock, directory, seconds, seed, say, kinds, scenario } = options;
  await createTrafficPools(client);
  const station = await bringUp(lab, client);
  await eventually(() => ping(lab, 'host', station.address4), 20_000);
  const ids = lab.nodes.map(({ node }) => node.id);
  const history = recordHistory();
  const secrets = openSecrets({ nodes: ids.map((id) => ({ id })), directory });
  const nowNs = (): number => Math.round(clock.monotonicMs() * 1e6);
  const beganNs = nowNs();
  const ending = new AbortController();
  const { signal } = ending;
  const daemons = new Map(ids.map((id) => [id, client.at(id)]));
  const tunnels = openTunnelTraffic({ daemons, clock, history, seed, clients: 2, perSecond: changesPerSecond });
  const pidOf = (id: string) => (): number | undefined => lab.service(`${id}-daemon`).pid();
  const looking: LookingOptions = {
    ...{ history, clock, subjects: tunnelOwners.map((owner) => ({ kind: 'tunnel', owner }) as const) },
    daemons: new Map(ids.map((id) => [id, { client: client.at(id), pid: pidOf(id) }])),
  };
  const sampled = ids.map((id) => ({ id, daemon: { pid: pidOf(id) } }));
  const resting = new AbortController();
  const following = keepFollowing(looking.daemons, { history, clock, signal: resting.signal });
  const background = [
    tunnels.run(signal),
    keepLooking(looking, { random: randomFrom(seed), signal, everyMs: 500 }),
    keepSampling({ nodes: sampled }, { history, clock, tellings: directory, signal }),
  ];
  const probing = startProbes(
    lab,
    [
      { direction: 'down', from: 'host', to: station.address4 },
      { direction: 'up', from: 'client', to: host4 },
    ],
    history,
    seconds + 600,
  );
  await clock.sleep(quietMs);
  const quietNs = nowNs();
  const rested = (): Promise<void> => atRest(lab, client, { station, history, beganNs });
  const faults = await runLabFaults(lab, {
    ...{ kinds, seed, rested, seconds: seconds - quietMs / 1_000 },
    awaySeconds: Math.max(10, kinds.length === 1 ? seconds - backSeconds : 10),
    onFault: ({ kind, target }, over) => {
      const at = ((nowNs() - beganNs) / 1e9).toFixed(1).padStart(6);
      say(`${at} s  ${kind} ${target}${over ? ' is over' : ''}`);
    },
  });
  const healedNs = nowNs();
  await clock.sleep(calmMs);
  await probing.stop();
  ending.abort(new Error('the run is over'));
  await Promise.all(background);
  tunnels.close();
  // Until everybody may have shown the last write.
  await clock.sleep(calmMs);
  resting.abort(new Error('the run is over'));
  await following;
  const logs = logsIn(directory);
  const away = faults.find(({ kind }) => kind === 'quorum-away');
  const [from, offsetNs] = [0n, quietNs];
  // Nodes hold peers of the kernel there, which `holdings` have seen.
  const goals = goalsOf(seconds, { recovers: true, folds: true, tells: true, whole: false });
  // Nobody outside follows a lab's etcd.
  const log = { base: [], events: [], from, to: from };
  const recorded: Recorded = {
    facts: {
      ...{ scenario: options.name, seed, seconds, left: [], relisted: 0, healedNs, from, to: from, quietNs },
      // The faults count from the end of the quiet time.
      beganNs: offsetNs,
      lab: { untouched: new Set(kinds.filter((kind) => labFaultTable[kind].untouched)) },
      ...(away && { away: { fromNs: offsetNs + away.at * 1e6, toNs: offsetNs + (away.at + away.durationMs) * 1e6 } }),
      versions: { commit: await ownCommit(), node: process.version, lab: `${ids.length} nodes`, shape: scenario.shape },
      ...{
        kinds,
        faults,
        ours: new Set<string>(),
        deaths: [],
        complaints: complaintsIn(logs),
        leastPerSecond: 0,
        goals,
      },
      secrets: secrets.search(logs, history, log),
      noise: { connections: 0, cases: 0 },
    },
    ...{ log, listings: [], history },
  };
  return { report: reportOf(recorded), recorded, logs };
}

/**
 * Until packets pass in both directions and every node holds what the records say, each looked at beside the others; what is not so in
 * the end is recorded as such.
 */
async function atRest(
  lab: World,
  client: Client,
  {
    station,
    history,
    beganNs,
  }: { readonly station: Station; readonly history: HistoryRecorder; readonly beganNs: number },
): Promise<void> {
  const passes = (from: string, to: string): Promise<string> =>
    ping(lab, from, to).then(
      () => '',
      () => `nothing passes from ${from} to ${to}`,
    );
  const { clock } = lab;
  const overMs = clock.monotonicMs();
  async function look(what: Holding['what'], node: string, problemNow: () => Promise<string>): Promise<void> {
    for (;;) {
      const problem = await problemNow().catch(messageOf);
      const now = clock.monotonicMs();
      if (problem === '' || now > overMs + restedWithinMs) {
        history.holdings.push({ what, node, problem, atMs: now - beganNs / 1e6, afterMs: now - overMs });
        return;
      }
      await clock.sleep(200);
    }
  }
  await Promise.all([
    look('packets', 'host', () => passes('host', station.address4)),
    look('packets', 'client', () => passes('client', host4)),
    ...lab.nodes.map(({ node }) => look('records', node.id, () => problemOf(lab, client, node.id))),
  ]);
}
