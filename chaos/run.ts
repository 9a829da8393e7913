// Run: one scenario on a cluster, recorded from beginning to end, and judged afterwards.

import type { Clock } from '#internal/clock/clock.ts';
import type { Cluster } from '#internal/testkit/cluster.ts';
import { createPops } from '#internal/testkit/requests.ts';
import { type DoneFault, type FaultKind, faultTable, type Means, type PlannedFault } from './fault.ts';
import { runFaults } from './fault-run.ts';
import { scheduleFaults } from './fault-schedule.ts';
import { noise } from './fault-noise.ts';
import { type FreezePlanOptions, freezeDaemons, leaveAlone, planFreezes } from './freezes.ts';
import { goalsOf, promisedFromSeconds } from './goals.ts';
import { recordHistory } from './history.ts';
import { olderTree } from './older-tree.ts';
import { openParts, type Parts, type PartsOptions } from './parts.ts';
import type { Patch } from './patch.ts';
import { complaintsIn, countSightings, lastWords, logsIn, ordersIn, raisePatched } from './patched-cluster.ts';
import { createTrafficPools } from './pools.ts';
import { type Recorded, reportOf } from './recorded.ts';
import type { Report } from './report.ts';
import { keepSampling } from './sampling.ts';
import { type Scenario, split } from './scenario.ts';
import { openSecrets } from './secrets.ts';
import { versionsOf } from './versions.ts';
import { openWitness, type Witness } from './witness.ts';

export interface RunOptions {
  readonly name: string;
  readonly scenario: Scenario;
  readonly clock: Clock;
  readonly directory: string;
  readonly seconds: number;
  readonly seed: number;
  /** Path of another etcd than the system's. */
  readonly etcd?: string;
  readonly means: Means;
  readonly say: (line: string) => void;
  /** More than the points and sightings: a mutant. */
  readonly patches?: readonly Patch[];
  readonly freezes?: Pick<FreezePlanOptions, 'points' | 'pauseMs'>;
  readonly allocating?: PartsOptions['allocating'];
  readonly tunnelling?: PartsOptions['tunnelling'];
}

export interface RunResult {
  readonly report: Report;
  readonly recorded: Recorded;
  /** Text of a log by process. */
  readonly logs: ReadonlyMap<string, string>;
}

const leaseSeconds = 3;
/** Of the run: quiet in the beginning, and healed in the end. */
const quietShare = 0.2;
const longestQuietMs = 10_000;
const calmShare = 0.1;
/** Long enough that 99 of 100 writes means something. */
const longestCalmMs = 5_000;
/** To answer after everything was healed: daemons start from their sources, all at once at the worst. */
const answeringWithinMs = 60_000;
/** The witness reads on, from whichever member answers. */
const witnessWithinMs = 30_000;
/** What is unknown must be known 30 s after healing; a little more, so that what comes late is seen to be late. */
const resolveWithinMs = 35_000;
/** Longer than a daemon may take to show a write (goals.ts). */
const shownWithinMs = 3_000;
/** Of each member: etcd makes 128 MB of logs before anything is written (wal.SegmentSizeBytes, twice). */
const diskBytes = 4 * 1024 ** 3;
/** Lists of the store that the log is compared with while the run lasts. */
const listings = 6;
/** Acknowledged requests a second that a run must reach when it is quiet, by what is asked. */
function leastOf({ traffic }: Scenario, seconds: number): number {
  // A test of laws, on whatever machine: something was done.
  if (seconds < promisedFromSeconds) return traffic.includes('allocate') ? 1 : 0;
  if (!traffic.includes('allocate')) return traffic.includes('tunnels') ? 3 : 0;
  // All of it shares one machine, with hashes of passwords.
  return traffic.length === 1 ? 30 : 10;
}

export async function runScenario(options: RunOptions): Promise<RunResult> {
  const { clock, directory, etcd, means, scenario, seed, say, patches = [] } = options;
  const older = scenario.skew === true ? await olderTree(directory) : undefined;
  if (older !== undefined)
    say('why' in older ? `no daemon of an older commit: ${older.why}` : `p3 runs ${older.commit}`);
  say(`seed ${seed}: raising three nodes`);
  const cluster = await raisePatched(
    {
      ...{ clock, directory, electionTtlSeconds: leaseSeconds, etcdDiskBytes: diskBytes },
      ...(etcd && { etcd }),
      ...(means.toxiproxy && { toxiproxy: means.toxiproxy }),
      ...(means.faketime &&
        scenario.faults.some((kind) => faultTable[kind].reach === 'clock') && { faketime: means.faketime }),
      ...(older && 'tree' in older && { treeOf: (id: string) => (id === 'p3' ? older.tree : undefined) }),
    },
    patches,
  );
  try {
    await createPops(cluster.client().fabric, cluster.nodes.length, cluster.daemonsApiPort);
    await createTrafficPools(cluster.client());
    const secrets = openSecrets(cluster);
    const history = recordHistory();
    const parts = await openParts({ ...options, cluster, history, keep: secrets.keep });
    const listEveryMs = (options.seconds * 1_000) / listings;
    const witness = await openWitness({ ...cluster.etcd, clock, progressNotifyMs: 1_000, listEveryMs });
    try {
      const skew = older !== undefined && 'commit' in older ? { 'p3 of commit': older.commit } : {};
      return await observed({ cluster, witness, parts, history, secrets, skew }, options);
    } finally {
      witness.close();
      await parts.close();
    }
  } catch (thrown) {
    say(lastWords(directory));
    throw thrown;
  } finally {
    await cluster[Symbol.asyncDispose]();
  }
}

/** A deposed leader is certain to try something where it is asked for long enough. */
const provokes = ({ scenario, seconds }: RunOptions): boolean => scenario.traffic.includes('allocate') && seconds >= 60;

interface Stage {
  readonly cluster: Cluster;
  readonly witness: Witness;
  readonly parts: Parts;
  readonly history: ReturnType<typeof recordHistory>;
  readonly secrets: ReturnType<typeof openSecrets>;
  readonly skew: Readonly<Record<string, string>>;
}

async function observed(stage: Stage, options: RunOptions): Promise<RunResult> {
  const { cluster, witness, parts, history, secrets } = stage;
  const { clock, scenario, seed, seconds, say } = options;
  const nodes = cluster.nodes.map(({ id }) => id);
  const nowNs = (): number => Math.round(clock.monotonicMs() * 1e6);
  const beganNs = nowNs();
  const quietMs = Math.min(longestQuietMs, seconds * 1_000 * quietShare);
  const calmMs = Math.min(longestCalmMs, seconds * 1_000 * calmShare);
  const endMs = seconds * 1_000 - calmMs;
  const ending = new AbortController();
  const resting = new AbortController();
  const onFault = (fault: PlannedFault | DoneFault): void => say(faultLine(fault));

  const { kinds, left } = split(scenario.faults, options.means);
  for (const each of left) say(`left out: ${each}`);
  const leaseMs = leaseSeconds * 1_000;
  const span = { seed, leaseMs, nodes };
  const freezes =
    kinds.includes('daemon-freeze') && scenario.shape !== 'calm'
      ? planFreezes({ ...span, fromMs: quietMs, untilMs: endMs, ...options.freezes })
      : [];
  const outside = kinds.filter((kind) => kind !== 'daemon-freeze');
  const planned = leaveAlone(
    scheduleFaults({ ...span, quietMs, endMs, kinds: outside, shape: scenario.shape }),
    freezes,
  );
  const running = parts.run(ending.signal);
  const watching = Promise.all([
    keepSampling(cluster, { history, clock, tellings: ordersIn(cluster.directory), signal: resting.signal }),
    parts.follow(resting.signal),
  ]);
  const freezing = freezeDaemons(cluster, freezes, {
    ...{ clock, directory: ordersIn(cluster.directory), signal: ending.signal, onFault, instead: parts.leader },
  });
  try {
    const faults = await runFaults(cluster, planned, {
      ...{ clock, onFault, recorded: witness.recorded, answeringWithinMs },
    });
    const frozen = await freezing;
    const healedNs = nowNs();
    // What healed late is looked at as long as what healed in time.
    await clock.sleep(Math.max(calmMs, seconds * 1_000 - (healedNs - beganNs) / 1e6));
    ending.abort(new Error('the run is over'));
    await running;
    say('the last answers');
    await parts.finish(resolveWithinMs);
    // Until everybody may have shown the last write.
    await clock.sleep(shownWithinMs);
    resting.abort(new Error('the run is over'));
    await watching;
    const heard = await witness.finish(witnessWithinMs);
    const { log, listings: listed, relisted } = heard;
    say(`judging ${history.attempts.length} attempts and ${log.events.length} events`);
    const logs = logsIn(cluster.directory);
    const happening = new Set<FaultKind>(planned.map(({ kind }) => kind));
    if (freezes.length > 0) happening.add('daemon-freeze');
    const recorded: Recorded = {
      facts: {
        ...{ scenario: options.name, seed, seconds, left, relisted, beganNs, healedNs, from: log.from, to: log.to },
        versions: { ...(await versionsOf(cluster, options)), ...stage.skew },
        kinds: [...happening],
        faults: [...faults, ...frozen].sort((a, b) => a.at - b.at),
        quietNs: beganNs + quietMs * 1e6,
        ours: new Set(['admin/lab']),
        ...(freezes.length > 0 && provokes(options) && { staleCommits: countSightings(logs, 'stale-commit') }),
        deaths: cluster.deaths(),
        complaints: complaintsIn(logs),
        leastPerSecond: leastOf(scenario, seconds),
        goals: goalsOf(seconds, {
          recovers: happening.size > 0,
          folds: scenario.traffic.some((each) => each !== 'people' && each !== 'watch'),
          tells: scenario.traffic.includes('moves'),
          whole: scenario.whole === true,
        }),
        secrets: secrets.search(logs, history, log),
        noise: { ...noise },
      },
      ...{ log, listings: listed, history },
    };
    return { report: reportOf(recorded), recorded, logs };
  } finally {
    for (const each of [ending, resting]) each.abort(new Error('the run is over'));
  }
}

function faultLine(fault: PlannedFault | DoneFault): string {
  const at = (ms: number): string => `${(ms / 1_000).toFixed(1).padStart(6)} s`;
  if (!('healedAt' in fault)) return `${at(fault.at)}  ${fault.kind} ${fault.target}`;
  const problem = fault.problem === undefined ? '' : `: ${fault.problem}`;
  return `${at(fault.healedAt)}  ${fault.kind} ${fault.target} is over${problem}`;
}
