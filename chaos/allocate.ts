// Allocate: the scenario in which clients allocate and release through all daemons while everything below them fails.

import type { Clock } from '#internal/clock/clock.ts';
import type { Cluster } from '#internal/testkit/cluster.ts';
import { createPops } from '#internal/testkit/requests.ts';
import type { Heard } from './check/complete.ts';
import { judge } from './check/judge.ts';
import { type DoneFault, type FaultKind, faultKinds, faultTable, type PlannedFault } from './fault.ts';
import { runFaults } from './fault-run.ts';
import { scheduleFaults } from './fault-schedule.ts';
import { acknowledgedPerSecond } from './figures.ts';
import { type FreezePlanOptions, freezeDaemons, leaveAlone, planFreezes } from './freezes.ts';
import { recordHistory } from './history.ts';
import type { Patch } from './patch.ts';
import { countSightings, lastWords, logsIn, ordersIn, raisePatched } from './patched-cluster.ts';
import { createTrafficPools } from './pools.ts';
import type { Report } from './report.ts';
import { openTraffic, type TrafficOptions } from './traffic.ts';
import { openWitness } from './witness.ts';
import { judgeWorth } from './worth.ts';

export interface AllocateOptions {
  readonly clock: Clock;
  readonly directory: string;
  readonly seconds: number;
  readonly seed: number;
  /** Paths of other programs than the system's; without toxiproxy no fault of kind `path`. */
  readonly etcd?: string;
  readonly toxiproxy?: string;
  readonly say: (line: string) => void;
  /** Default: every kind that can be done here. */
  readonly kinds?: readonly FaultKind[];
  /** More than the points and sightings: a mutant. */
  readonly patches?: readonly Patch[];
  readonly freezes?: Pick<FreezePlanOptions, 'points' | 'pauseMs'>;
  readonly traffic?: Omit<TrafficOptions, 'daemons' | 'pops' | 'clock' | 'history' | 'seed'>;
}

export interface AllocateResult {
  readonly report: Report;
  readonly testimony: Heard;
  readonly history: ReturnType<typeof recordHistory>;
  /** Text of a log by process. */
  readonly logs: ReadonlyMap<string, string>;
}

const leaseSeconds = 3;
/** Of the run: quiet in the beginning, and healed in the end. */
const quietShare = 0.2;
const longestQuietMs = 10_000;
const calmMs = 2_000;
/** What is unknown must be known 30 s after healing; a little more, so that what comes late is seen to be late. */
const resolveWithinMs = 35_000;

export async function runAllocate(options: AllocateOptions): Promise<AllocateResult> {
  const { clock, directory, etcd, toxiproxy, seed, say, patches = [] } = options;
  say(`seed ${seed}: raising three nodes`);
  const programs = { ...(etcd && { etcd }), ...(toxiproxy && { toxiproxy }) };
  const cluster = await raisePatched({ clock, directory, electionTtlSeconds: leaseSeconds, ...programs }, patches);
  try {
    await createPops(cluster.client().fabric, cluster.nodes.length);
    await createTrafficPools(cluster.client());
    const witness = await openWitness({ ...cluster.etcd, clock, progressNotifyMs: 1_000 });
    try {
      return await observed(cluster, witness, options);
    } finally {
      witness.close();
    }
  } catch (thrown) {
    say(lastWords(directory));
    throw thrown;
  } finally {
    await cluster[Symbol.asyncDispose]();
  }
}

async function observed(
  cluster: Cluster,
  witness: Awaited<ReturnType<typeof openWitness>>,
  options: AllocateOptions,
): Promise<AllocateResult> {
  const { clock, seed, seconds, say, toxiproxy } = options;
  const history = recordHistory();
  const daemons = new Map(cluster.nodes.map(({ id }) => [id, cluster.client({ node: id })]));
  const pops = cluster.nodes.map(({ id }) => id);
  const traffic = openTraffic({ daemons, pops, clock, history, seed, ...options.traffic });
  const nowNs = (): number => Math.round(clock.monotonicMs() * 1e6);
  const beganNs = nowNs();
  const quietMs = Math.min(longestQuietMs, seconds * 1_000 * quietShare);
  const endMs = seconds * 1_000 - calmMs;
  const ending = new AbortController();
  const onFault = (fault: PlannedFault | DoneFault): void => say(faultLine(fault));

  const kinds = (options.kinds ?? faultKinds).filter((kind) => {
    return kind !== 'daemon-freeze' && (toxiproxy !== undefined || faultTable[kind].reach !== 'path');
  });
  const leaseMs = leaseSeconds * 1_000;
  const span = { seed, leaseMs, nodes: pops };
  const freezes =
    options.kinds?.includes('daemon-freeze') === false
      ? []
      : planFreezes({ ...span, fromMs: quietMs, untilMs: endMs, ...options.freezes });
  const planned = leaveAlone(scheduleFaults({ ...span, quietMs, endMs, kinds }), freezes);
  const running = traffic.run(ending.signal);
  const freezing = freezeDaemons(cluster, freezes, {
    ...{ clock, directory: ordersIn(cluster.directory), signal: ending.signal, onFault, instead: traffic.leader },
  });
  try {
    const faults = await runFaults(cluster, planned, { clock, onFault });
    const frozen = await freezing;
    const healedNs = nowNs();
    await clock.sleep(Math.max(0, seconds * 1_000 - (healedNs - beganNs) / 1e6));
    ending.abort(new Error('the run is over'));
    await running;
    say('the last answers');
    await traffic.finish(resolveWithinMs);
    const testimony = await witness.finish(10_000);
    say(`judging ${history.attempts.length} attempts and ${testimony.log.events.length} events`);
    const all = [...faults, ...frozen].sort((a, b) => a.at - b.at);
    const ours = new Set(['admin/lab']);
    const verdicts = judge({ ...testimony, history, ours, healedNs });
    const quietPerSecond = acknowledgedPerSecond(history.attempts, beganNs + 1e9, beganNs + quietMs * 1e6);
    const logs = logsIn(cluster.directory);
    const happening = new Set<FaultKind>(planned.map(({ kind }) => kind));
    if (freezes.length > 0) happening.add('daemon-freeze');
    const worth = judgeWorth({
      quietPerSecond,
      kinds: [...happening],
      faults: all,
      staleCommits: freezes.length > 0 ? countSightings(logs, 'stale-commit') : undefined,
      deaths: cluster.deaths(),
    });
    const report: Report = {
      ...{ scenario: 'allocate', seed, seconds, faults: all, attempts: history.attempts, beganNs, quietPerSecond },
      ...{ versions: await versionsOf(cluster, options), invariants: [...verdicts, ...worth] },
    };
    return { report, testimony, history, logs };
  } finally {
    ending.abort(new Error('the run is over'));
    traffic.close();
  }
}

function faultLine(fault: PlannedFault | DoneFault): string {
  const at = (ms: number): string => `${(ms / 1_000).toFixed(1).padStart(6)} s`;
  if (!('healedAt' in fault)) return `${at(fault.at)}  ${fault.kind} ${fault.target}`;
  const problem = fault.problem === undefined ? '' : `: ${fault.problem}`;
  return `${at(fault.healedAt)}  ${fault.kind} ${fault.target} is over${problem}`;
}

async function versionsOf(cluster: Cluster, { etcd, toxiproxy }: AllocateOptions): Promise<Report['versions']> {
  const { stdout } = await cluster.exec('p1', [etcd ?? 'etcd', '--version']);
  return {
    node: process.version,
    etcd: /etcd Version: (\S+)/.exec(stdout)?.[1] ?? '',
    toxiproxy: toxiproxy === undefined ? 'none' : 'yes',
  };
}
