// Metrics: what a daemon tells Prometheus, on the management address alone.
//
// On the path: values are read when they are asked for, events are counted when they happen.
// Never: a label that a user chooses; kinds, methods, nodes and pools are all there are (bounded).

import { createServer } from 'node:http';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { realClock } from '#internal/clock/clock.ts';
import { Fault } from '#internal/errors/errors.ts';
import { type BgpReading, showBgp } from './bgp.ts';

/** Read at each scrape. */
export interface Readings {
  readonly snapshotRevision: bigint;
  readonly appliedRevision: bigint;
  readonly storeConnected: boolean;
  readonly certificateEnds: { readonly node: Date; readonly ca: Date };
  readonly brakeHeld: boolean;
  readonly failingSteps: number;
  readonly quarantined: number;
  /** Pools whose leader this daemon is. */
  readonly poolsLed: number;
  /** By pool: what is allocated, and what is in quarantine. */
  readonly pools: Readonly<Record<string, { readonly allocations: number; readonly quarantined: number }>>;
  /** Records by kind. */
  readonly records: Readonly<Record<string, number>>;
  readonly peers: readonly PeerReading[];
  /** Of this node to its neighbours, by the names of their links. */
  readonly paths: Readonly<Record<string, PathReading>>;
  /** BGP sessions that are up. */
  readonly bgp: readonly BgpReading[];
  /** From the privileged half's last report. */
  readonly dataplane?: {
    readonly drift: Readonly<Record<string, number>>;
    /** Namespaces whose BIRD has undone the text that is wanted of it. */
    readonly undone?: readonly string[];
    readonly comparisons: number;
    readonly comparisonMs: number;
    readonly rssBytes: number;
    readonly cpuSeconds: number;
  };
}

/** A node of the mesh; what is not known is not shown. */
export interface PeerReading {
  readonly nodeId: string;
  readonly connected: boolean;
  readonly rttMs?: number;
  readonly clockOffsetMs?: number;
  readonly heard: boolean;
  /** It is heard and does not hear this node. */
  readonly oneWay: boolean;
}

export interface PathReading {
  readonly up: boolean;
  readonly weight: number;
  readonly verdict: string;
  readonly detour: boolean;
}

/** Good is 0, so that an alert has a number to be above. */
const verdictNumbers: Readonly<Record<string, number>> = { good: 0, degraded: 1, bad: 2 };

export interface Metrics {
  request(method: string): void;
  unexpected(): void;
  /** From a want sent to its answer. */
  applied(seconds: number): void;
  text(): Promise<string>;
}

/** Seconds: from one UAPI write (0.5 ms) to a full load of 10,000 tunnels. */
const applyBuckets = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

const secondsUntil = (end: Date): number => (end.getTime() - realClock.wall().getTime()) / 1_000;

export function createMetrics(version: string, read: () => Readings): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const gauge = (name: string, help: string, value: (r: Readings) => number | undefined): void => {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        const now = value(read());
        if (now !== undefined) this.set(now);
      },
    });
  };
  const labelled = (
    name: string,
    help: string,
    label: string,
    values: (r: Readings) => Readonly<Record<string, number>>,
  ): void => {
    new Gauge({
      name,
      help,
      registers,
      labelNames: [label],
      collect() {
        this.reset();
        for (const [of, value] of Object.entries(values(read()))) this.set({ [label]: of }, value);
      },
    });
  };
  new Gauge({ name: 'pop44_build_info', help: 'Version of this daemon.', registers, labelNames: ['version'] }).set(
    { version },
    1,
  );
  gauge('pop44_snapshot_revision', 'etcd revision of the snapshot.', (r) => Number(r.snapshotRevision));
  gauge('pop44_applied_revision', 'Snapshot revision that the dataplane holds.', (r) => Number(r.appliedRevision));
  gauge('pop44_store_connected', '1 while the watch on etcd is alive.', (r) => Number(r.storeConnected));
  gauge('pop44_brake_held', '1 while a snapshot is held back.', (r) => Number(r.brakeHeld));
  labelled(
    'pop44_certificate_expiry_seconds',
    'Until the certificate of this node, and the first of the CAs that it trusts, ends.',
    'certificate',
    ({ certificateEnds: { node, ca } }) => ({ node: secondsUntil(node), ca: secondsUntil(ca) }),
  );
  gauge('pop44_failing_steps', 'Steps of the plan that fail and are tried again.', (r) => r.failingSteps);
  gauge('pop44_quarantined_records', 'Records in etcd that cannot be read.', (r) => r.quarantined);
  gauge('pop44_pools_led', 'Pools whose leader this daemon is.', (r) => r.poolsLed);
  labelled('pop44_pool_allocations', 'Prefixes of the pool that are held or in use.', 'pool', (r) =>
    Object.fromEntries(Object.entries(r.pools).map(([pool, { allocations }]) => [pool, allocations])),
  );
  labelled('pop44_pool_quarantined', 'Prefixes of the pool that were released and are not free yet.', 'pool', (r) =>
    Object.fromEntries(Object.entries(r.pools).map(([pool, { quarantined }]) => [pool, quarantined])),
  );
  labelled('pop44_records', 'Records in the snapshot.', 'kind', (r) => r.records);
  labelled('pop44_mesh_connected', '1 while the mesh stream to the node is up.', 'node', (r) =>
    Object.fromEntries(r.peers.map((peer) => [peer.nodeId, Number(peer.connected)])),
  );
  labelled('pop44_mesh_rtt_seconds', 'Round trip time to the node.', 'node', (r) =>
    Object.fromEntries(r.peers.flatMap((peer) => (peer.rttMs === undefined ? [] : [[peer.nodeId, peer.rttMs / 1000]]))),
  );
  labelled('pop44_mesh_clock_offset_seconds', 'How far the clock of the node is ahead of this one.', 'node', (r) =>
    Object.fromEntries(
      r.peers.flatMap(({ nodeId, clockOffsetMs }) =>
        clockOffsetMs === undefined ? [] : [[nodeId, clockOffsetMs / 1000]],
      ),
    ),
  );
  labelled('pop44_mesh_heard', '1 while the node is heard by this one.', 'node', (r) =>
    Object.fromEntries(r.peers.map((peer) => [peer.nodeId, Number(peer.heard)])),
  );
  labelled('pop44_mesh_one_way', '1 while the node is heard and does not hear this one.', 'node', (r) =>
    Object.fromEntries(r.peers.map((peer) => [peer.nodeId, Number(peer.oneWay)])),
  );
  const ofPaths = (name: string, help: string, value: (path: PathReading) => number): void =>
    labelled(name, help, 'link', (r) =>
      Object.fromEntries(Object.entries(r.paths).map(([link, path]) => [link, value(path)])),
    );
  ofPaths('pop44_path_up', '1 while BFD has the interconnect up.', ({ up }) => Number(up));
  ofPaths('pop44_path_weight', 'Weight of the path among equal ones, 16 a full share.', ({ weight }) => weight);
  ofPaths('pop44_path_verdict', '0 good, 1 degraded, 2 bad.', ({ verdict }) => verdictNumbers[verdict] ?? 2);
  ofPaths('pop44_path_detour', '1 while the path is put behind others, as it flaps.', ({ detour }) => Number(detour));
  showBgp(registers, () => read().bgp);
  labelled(
    'pop44_drift_steps',
    'Steps since its start that a comparison found necessary.',
    'kind',
    (r) => r.dataplane?.drift ?? {},
  );
  labelled(
    'pop44_bird_undone',
    '1 while the text that is wanted of the BIRD in the namespace was undone and is not tried again.',
    'netns',
    ({ dataplane }) =>
      Object.fromEntries(
        (dataplane?.undone === undefined ? [] : ['pop', 'transport']).map((netns) => [
          netns,
          Number(dataplane?.undone?.includes(netns)),
        ]),
      ),
  );
  gauge('pop44_comparisons', 'Full comparisons since the privileged half started.', (r) => r.dataplane?.comparisons);
  gauge('pop44_comparison_seconds', 'Duration of the last full comparison.', (r) =>
    r.dataplane === undefined ? undefined : r.dataplane.comparisonMs / 1000,
  );
  gauge(
    'pop44_dataplane_resident_memory_bytes',
    'Resident memory of the privileged half.',
    (r) => r.dataplane?.rssBytes,
  );
  gauge(
    'pop44_dataplane_cpu_seconds',
    'CPU time of the privileged half since its start.',
    (r) => r.dataplane?.cpuSeconds,
  );
  const requests = new Counter({
    name: 'pop44_requests_total',
    help: 'Calls of the API by method.',
    registers,
    labelNames: ['method'],
  });
  const unexpected = new Counter({
    name: 'pop44_unexpected_errors_total',
    help: 'Exceptions that a caller saw as INTERNAL.',
    registers,
  });
  const apply = new Histogram({
    name: 'pop44_apply_seconds',
    help: 'From a want sent to the privileged half to its answer.',
    registers,
    buckets: applyBuckets,
  });
  return {
    request: (method) => requests.inc({ method }),
    unexpected: () => unexpected.inc(),
    applied: (seconds) => apply.observe(seconds),
    text: () => registry.metrics(),
  };
}

export interface MetricsListener {
  readonly port: number;
  close(): Promise<void>;
}

/** Serves GET /metrics. @throws Fault `listen` */
export async function serveMetrics(
  metrics: Pick<Metrics, 'text'>,
  address: string,
  port: number,
): Promise<MetricsListener> {
  const server = createServer((request, response) => {
    if (request.method !== 'GET' || request.url !== '/metrics') {
      response.writeHead(404).end('GET /metrics\n');
      return;
    }
    metrics.text().then(
      (text) => response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }).end(text),
      () => response.writeHead(500).end(),
    );
  });
  server.headersTimeout = 5_000;
  server.requestTimeout = 5_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) =>
      reject(new Fault('listen', `metrics on ${address} port ${port}: ${cause.message}`, cause)),
    );
    server.listen(port, address, resolve);
  });
  const bound = server.address();
  return {
    port: typeof bound === 'object' && bound !== null ? bound.port : port,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
